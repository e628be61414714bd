"""The one-machine stack: broker, database and services as processes of this user, kept running by a supervisor."""
