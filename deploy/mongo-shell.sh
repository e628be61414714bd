#!/bin/bash
# docker compose exec mongo mongo-shell [arguments of mongosh]: MongoDB's shell as `operator`, who reads the articles. The
# address with the password is read by mongosh itself, so that no list of processes shows it.
url=/credentials/operator/mongo_url
connect="db = connect(require('fs').readFileSync('$url', 'utf8')).getSiblingDB('${WIREROOM_MONGO_DATABASE:-wireroom}')"
if (($#)); then
    exec mongosh --quiet --nodb --eval "$connect" "$@"
fi
exec mongosh --quiet --nodb --shell --eval "$connect"
