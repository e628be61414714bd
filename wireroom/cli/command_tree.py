"""Every command of the command line: its name, its help line, and the function that is imported when it is called.

Listing the commands imports none of them. A test holds each help line against the docstring of its function.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias


class Entry(NamedTuple):
    """One command: ``target`` is ``module:function``."""

    target: str
    help: str


class Branch(NamedTuple):
    """A group of commands."""

    help: str
    entries: "Tree"


Tree: TypeAlias = Mapping[str, Entry | Branch]

_C = "wireroom.cli.commands"
_B = "wireroom.bench"

TREE: Tree = MappingProxyType({
    "run": Entry(f"{_C}.stack_command:run", "Run one service in the foreground, as containers do."),
    "setup": Entry(
        f"{_C}.stack_command:setup",
        "Make the streams, consumers and buckets on the broker as the settings say; run twice it changes nothing.",
    ),
    "up": Entry(
        f"{_C}.stack_command:up",
        "Run everything on this machine: broker, database and services; Ctrl-C stops it in order.",
    ),
    "down": Entry(
        f"{_C}.stack_command:down", "Stop what `wireroom up` runs on this folder; everything published stays."
    ),
    "logs": Entry(
        f"{_C}.stack_command:logs", "Show the logs of the stack of `wireroom up`, by time: of one program or of all."
    ),
    "demo": Entry(
        "wireroom.samples.demo_command:demo",
        "Start everything for a minute, put sample articles through it and show what becomes of them.",
    ),
    "publish": Entry(
        f"{_C}.publish_command:publish",
        "Put articles on the queue: text, HTML, JSON, archives, folders of these, pipes, or standard input.",
    ),
    "bridge": Entry(
        "wireroom.bridge.bridge_command:bridge",
        "Connect RabbitMQ, Redis streams or Kafka: submissions come from them, extracted articles go to them.",
    ),
    "try": Entry(
        f"{_C}.try_command:preview",
        "Show what would become of articles: clean text, entities, and what is removed and why.",
    ),
    "tail": Entry(f"{_C}.tail_command:tail", "Follow what flows through the queue; nothing is taken from it."),
    "show": Entry(f"{_C}.article_command:show", "Show a stored article, without a name the one that came last."),
    "search": Entry(f"{_C}.article_command:search", "Find stored articles; without words the newest."),
    "export": Entry(
        f"{_C}.export.export_command:export",
        "Write all stored articles that match, or the mentions of their entities, as JSON Lines, CSV or Parquet.",
    ),
    "status": Entry(
        f"{_C}.status_command:status",
        "Show how far behind each service is, what the streams hold, what is stored, and the dead letters.",
    ),
    "top": Entry(
        f"{_C}.live.top_command:top",
        "Watch the services at work on the whole screen: rates, backlog, oldest, in flight, redelivered, dead; q "
        "quits.",
    ),
    "doctor": Entry(
        f"{_C}.status_command:doctor",
        "Look at this machine, the broker and the database: each check with what to do; exit code 1 for a problem.",
    ),
    "audit": Entry(
        f"{_C}.audit_command:audit",
        "Check that everything accepted is accounted for: stored, withdrawn, dead-lettered, dropped or in flight.",
    ),
    "backup": Entry(
        f"{_C}.backups.backup_command:backup",
        "Save all that broker and database hold into a new folder, while everything goes on.",
    ),
    "restore": Entry(
        f"{_C}.backups.backup_command:restore",
        "Put a backup into an empty broker and database, while no service runs; every file is checked first.",
    ),
    "withdraw": Entry(
        f"{_C}.withdraw_command:withdraw",
        "Take an article down: every consumer is told, its text leaves MongoDB and the streams, and it stays gone.",
    ),
    "replay": Entry(
        f"{_C}.replay_command:replay",
        "Send raw articles through extract and store again, behind new ones; the broker keeps them for a week.",
    ),
    "reprocess": Entry(
        f"{_C}.replay_command:reprocess",
        "Replay the raw articles of stored articles that meet a condition, so that they are extracted anew.",
    ),
    "bench": Branch("Measure speed on this machine.", {
        "end-to-end": Entry(
            f"{_B}.bench_command:bench",
            "Measure the whole path with a real broker and database in a temporary folder: rate, processor, memory, "
            "latency.",
        ),
        "extract": Entry(
            f"{_B}.bench_extract:bench_extract",
            "Measure the extract stage beside bare `nlp.pipe`, on the same texts in the same run.",
        ),
        "memory": Entry(
            f"{_B}.bench_memory:bench_memory",
            "Watch the resident memory of one process of the extract stage that is never replaced, as a worker would "
            "be.",
        ),
        "inputs": Entry(
            f"{_B}.inputs.bench_inputs:bench_inputs",
            "Measure HTTP and WARC beside the bare NATS client that publishes the same bytes, and polls of feeds on "
            "loopback.",
        ),
        "publish": Entry(
            f"{_B}.bench_servers:bench_publish",
            "Measure publishing beside the bare NATS client, as many in flight, on the same broker.",
        ),
        "store": Entry(
            f"{_B}.bench_servers:bench_store",
            "Measure storing beside bare `insert_many`, the same documents, batches, indexes and durability.",
        ),
        "desk": Entry(
            f"{_B}.bench_desk:bench_desk",
            "Measure the desk with generated articles: building its index, indexing, and pages for several readers at "
            "once.",
        ),
        "soak": Entry(
            f"{_B}.bench_soak:bench_soak",
            "Kill every process of a stack in turn while articles come in, then check that each is accounted for.",
        ),
        "hostile": Entry(
            f"{_B}.bench_hostile:bench_hostile",
            "Publish good articles among hostile bytes, headers, subjects and bucket values, on a stack of its own.",
        ),
    }),
    "config": Branch("The settings: show where each comes from, check them.", {
        "show": Entry(
            f"{_C}.config_command:show",
            "List every setting with its value and where that comes from; users and passwords are masked.",
        ),
        "check": Entry(
            f"{_C}.config_command:check",
            "Check every value, and the rules, alias file, models and programs that they name; exit code 78 if one is "
            "wrong.",
        ),
    }),
    "rules": Branch("Lines learned from the stream: list, show, approve, veto.", {
        "ls": Entry(
            f"{_C}.rules_command:list_lines",
            "List lines that were learned, approved or vetoed; those are taken out of articles, or never.",
        ),
        "show": Entry(f"{_C}.rules_command:show", "Show what is known of one line."),
        "approve": Entry(
            f"{_C}.rules_command:approve",
            "Take this line out of every article of its source from now on, wherever it stands.",
        ),
        "veto": Entry(
            f"{_C}.rules_command:veto",
            "Never take this line out because of what was learned; holds for ever, or until it is lifted.",
        ),
        "check": Entry(
            f"{_C}.rules_command:check",
            "Check a folder of rule packs as extract does when it starts; exit code 78 if it cannot be used.",
        ),
    }),
    "models": Branch("The models that find names: list, check.", {
        "ls": Entry(
            f"{_C}.config_command:list_models",
            "List the model of each language of WIREROOM_EXTRACT_MODELS, and what is installed besides.",
        ),
        "check": Entry(
            f"{_C}.config_command:check_models",
            "Load each model as extract does and let it read a text; exit code 78 if one cannot be used.",
        ),
    }),
    "aliases": Branch("Names that mean one thing in every article: check the file of them.", {
        "check": Entry(
            f"{_C}.config_command:check_aliases",
            "Check an alias file as extract does when it starts; exit code 78 if it cannot be used.",
        ),
    }),
    "token": Branch("Access tokens of the HTTP input: add, list, revoke.", {
        "add": Entry(f"{_C}.access.token_command:add", "Make a token and print it, once: only its hash is kept."),
        "ls": Entry(f"{_C}.access.token_command:list_tokens", "List the tokens, without their secrets."),
        "revoke": Entry(
            f"{_C}.access.token_command:revoke", "Revoke a token: requests with it are refused within seconds."
        ),
    }),
    "user": Branch("Publishers and readers with accounts of their own on the broker: add, list, revoke, rotate.", {
        "add": Entry(
            f"{_C}.access.user_command:add",
            "Add a publisher for one source, or a reader, and print its address, with a password that is shown once.",
        ),
        "ls": Entry(
            f"{_C}.access.user_command:list_users", "List the publishers and readers, without their passwords."
        ),
        "show": Entry(
            f"{_C}.access.user_command:show",
            "Print the address, with its password, that one of the installation's own users connects to.",
        ),
        "revoke": Entry(
            f"{_C}.access.user_command:revoke", "Remove a user: the broker cuts its connections and lets it in no more."
        ),
        "rotate": Entry(
            f"{_C}.access.user_command:rotate", "Give a user another password: the old one is refused from now on."
        ),
    }),
    "tls": Branch("A private certificate authority for broker, database and services on several machines.", {
        "make-ca": Entry(
            f"{_C}.access.tls_command:make_ca",
            "Make an authority with certificates for one server, `server.pem`, and one client, `client.pem`.",
        ),
        "issue": Entry(
            f"{_C}.access.tls_command:issue",
            "Write a certificate with its key, signed by the authority of a folder; one of that name is replaced.",
        ),
    }),
    "desk": Branch("The desk: its index, and saved searches.", {
        "state": Entry(
            f"{_C}.desk.index_command:state", "Show what the index of a running desk holds, and how far it has read."
        ),
        "reindex": Entry(
            f"{_C}.desk.index_command:reindex",
            "Build the index of a running desk anew from MongoDB; the old one answers until the new one is complete.",
        ),
        "check": Entry(
            f"{_C}.desk.index_command:check",
            "Compare ids and versions of the index with MongoDB; exit code 1 where they differ.",
        ),
        "watch": Branch("Saved searches: add, list, remove.", {
            "add": Entry(
                f"{_C}.desk.watch_command:add",
                "Save a search; each new article that meets it goes to `news.v1.matched.NAME`, to a feed, and to a "
                "webhook.",
            ),
            "ls": Entry(
                f"{_C}.desk.watch_command:list_searches",
                "List the saved searches, and how many matches wait for their webhooks.",
            ),
            "rm": Entry(
                f"{_C}.desk.watch_command:remove",
                "Forget a saved search: nothing is matched any more, and what its webhook has not taken is not "
                "delivered.",
            ),
        }),
    }),
    "feed": Branch("Feeds that ingest polls: add, list, check, pause, resume, remove, run, import, export.", {
        "add": Entry(
            f"{_C}.inputs.feed_command:add",
            "Add a feed: ingest polls it within seconds, and then as often as it changes."
        ),
        "ls": Entry(
            f"{_C}.inputs.feed_command:list_feeds",
            "List the feeds: state, last success, next poll, interval, failures, and which are strangely quiet.",
        ),
        "check": Entry(
            f"{_C}.inputs.feed_command:check",
            "Fetch a feed and show what would come of it; nothing is published, and it need not be added.",
        ),
        "pause": Entry(f"{_C}.inputs.feed_command:pause", "Stop to poll a feed until `feed resume`."),
        "resume": Entry(
            f"{_C}.inputs.feed_command:resume", "Poll a feed again that is paused, gone or failing, beginning now."
        ),
        "rm": Entry(
            f"{_C}.inputs.feed_command:remove", "Remove a feed, and what is known of its entries; its articles stay."
        ),
        "run": Entry(
            f"{_C}.inputs.feed_command:run",
            "Poll feeds now, in this process, and tell what came; without any all that are due.",
        ),
        "import": Entry(
            f"{_C}.inputs.feed_command:import_list", "Add the feeds of a list: OPML of any reader, or lines."
        ),
        "export": Entry(
            f"{_C}.inputs.feed_command:export", "Write all feeds as OPML to standard output, with their sources."
        ),
    }),
    "import": Branch("Runs of `wireroom publish`: list, pause, resume, cancel, take one back.", {
        "ls": Entry(
            f"{_C}.import_command:list_runs",
            "List the runs of `wireroom publish` that the streams tell of: when each began, and how far it is.",
        ),
        "pause": Entry(
            f"{_C}.import_command:pause",
            "Pause an import that `wireroom publish` is sending, until it is resumed or cancelled.",
        ),
        "resume": Entry(f"{_C}.import_command:resume", "Let a paused import go on."),
        "cancel": Entry(
            f"{_C}.import_command:cancel",
            "End an import that is being sent; what was acknowledged stays until `wireroom import undo` takes it back.",
        ),
        "undo": Entry(
            f"{_C}.import_command:undo",
            "Take a run back: what waits is not stored, what is stored is withdrawn, and it may be imported again.",
        ),
    }),
    "dead": Branch("Dead letters, messages that could not be processed: list, show, edit, replay, export, drop.", {
        "ls": Entry(
            f"{_C}.dead_command:list_letters",
            "List dead letters by reason and by what became of them: open, replayed, succeeded, failed again.",
        ),
        "show": Entry(
            f"{_C}.dead_command:show",
            "Show one dead letter: why and when it was put there, what became of it, its headers, its original bytes.",
        ),
        "replay": Entry(
            f"{_C}.dead_replay_command:replay",
            "Put dead letters back where they came from, unchanged, or as a file has them. They stay, marked, unless "
            "`--drop`.",
        ),
        "edit": Entry(
            f"{_C}.dead_replay_command:edit",
            "Change a dead letter in your $EDITOR and replay it: first it is checked as its service would. It stays.",
        ),
        "export": Entry(
            f"{_C}.dead_command:export",
            "Write dead letters as JSON Lines: number, state, error, headers, and the original bytes as base64.",
        ),
        "drop": Entry(f"{_C}.dead_command:drop", "Delete dead letters for good; those that come meanwhile stay."),
    }),
})  # fmt: skip
