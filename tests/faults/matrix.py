"""The fault matrix: which faults there are, and which invariants each is held against. What was seen is in the report.

I1 every acknowledged submission has one fate, by an independent reader and by `wireroom audit`
I2 one document for each article, each version extracted and announced once
I3 no article goes back to an older version, also in between
I4 each dead letter has the right reason and the original bytes
I5 memory stays within its bounds, and does not grow with what waits
I6 everything is done and ready again without help
I7 nothing spins: deliveries and processor time of who waits are bounded
I8 health tells the truth, and `/livez` answers
I9 what is asked to end, ends in time
I10 good articles beside it take no more than twice as long as without it, in the median
I11 each service is ready or says why within 10 s, ready again within 30 s of the last bad message, and never restarted
I12 the desk's index ends with the articles and versions of MongoDB
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    fault: str
    invariants: str


LOAD = "I1 I2 I3 I4 I5 I6 I8"  # what `harness.judge` asserts of every row with load on the whole stack
HOSTILE = LOAD + " I10 I11"
CLUSTER = "I1 I2 I3 I4 I6 I8"
RESTORED = "I1 I2 I3 I4 I6"  # I1: what went with the broker's data is named by `wireroom audit`, exactly

MATRIX = {
    "1": Row("`kill -9` of ingest, three times", LOAD),
    "2": Row("`kill -9` of extract, five times", LOAD),
    "3": Row("store dies between MongoDB's word and its announcement, and at random moments", LOAD),
    "3b": Row("death between PubAck and ack in each service, and between dead letter and term", LOAD),
    "4": Row("`kill -9` of the broker, twice", LOAD),
    "5": Row("the broker is away for 30 s", LOAD + " I7"),
    "6": Row("`kill -9` of mongod, twice", LOAD),
    "7": Row("each service stands still for twice its ack_wait", LOAD),
    "8": Row("broker, then mongod stand still for 20 s", LOAD),
    "9": Row("three brokers: the leader of each stream is killed in turn", CLUSTER),
    "10": Row("two of three brokers are killed: the third accepts nothing", CLUSTER),
    "11": Row("three databases: the primary is killed three times", CLUSTER),
    "12": Row("no packet to or from the broker for 12 s", LOAD),
    "12b": Row("30 % of packets lost; packets one way only; connections reset", LOAD),
    "13": Row("the leader is cut off from the other brokers, clients on both sides", CLUSTER),
    "14": Row("a link of 64 kB/s with delay", LOAD),
    "15": Row("the broker's disk is full; the stack starts it anew once there is room", LOAD),
    "16": Row("the database's disk is full", LOAD),
    "17": Row("streams reach max_bytes", LOAD),
    "18": Row("100,000 articles wait for each service in turn", "I1 I2 I5 I6"),
    "19": Row("extract fails at everything for 30 s", "I1 I7"),
    "20": Row("200 articles, 25 times each", "I1 I2 I3"),
    "21": Row("every poison, one message in ten", LOAD),
    "22": Row("a defect of extract, mended after 15 s", LOAD),
    "23": Row("messages at the limits and far beyond them", LOAD),
    "24": Row("consumers are deleted and made anew", LOAD),
    "25": Row("messages of older and newer releases, and of another major version", LOAD),
    "26": Row("the clocks of the services jump by an hour, forth and back, and to beyond 2038", LOAD),
    "27": Row("each service is asked to end", LOAD + " I9"),
    "28": Row("articles that end, hang or fill a worker of extract", "I1 I4"),
    "29": Row("the services' access to the broker is revoked and given back", LOAD),
    "30": Row("bits flip in the blocks of one broker of three: reported, not promised", "I1"),
    "31": Row("`wireroom bench soak`: every process is killed in rotation", "I1 I6"),
    "32": Row("headers that cannot be passed on, more than ingest has in flight", HOSTILE),
    "33": Row("poison on the subjects between the services, hundreds in a row", HOSTILE),
    "34": Row("work bombs: combining marks, runs without a space, attributes, keys, depth", HOSTILE),
    "35": Row("foreign bytes in subjects, headers, letters and buckets", HOSTILE),
    "36": Row("message ids taken beforehand", HOSTILE),
    "37": Row("one source floods, far beyond its quota", HOSTILE),
    "38": Row("`wireroom bench hostile`: one message in three is drawn from all that is hostile", "I1 I5 I6 I11"),
    "41": Row("the broker's data is removed, MongoDB's stays", RESTORED),
    "42": Row("the broker is restored from an older backup, taken in the midst of work", RESTORED),
    "43": Row("replicas go from 1 to 3 on three brokers, and the leader is killed", CLUSTER),
    "44": Row("extract is down beyond every age, ages shrink, the broker is started again", "I1 I3"),
    "45": Row("`kill -9` of the desk, five times; also while it builds its index anew", LOAD + " I12"),
}
