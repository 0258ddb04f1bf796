/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"
#include "client/cli/rec.h"

/* How a write is repeated by hand. */
#define OPTION_REQUEST_ID                                                                \
    {"request-id", "ID",                                                                 \
     "a name of your own for this write, 1-64 characters: said again, it "               \
     "is applied at most once"},                                                         \
    {                                                                                    \
        "request-time", "TIME",                                                          \
            "when it was first said (now, or the UUIDv7's own): repeat it too"           \
    }
#define OPTION_REFERENCE                                                                 \
    {                                                                                    \
        "reference", "TEXT", "an order number, a delivery note"                          \
    }
#define OPTION_LIMIT                                                                     \
    {                                                                                    \
        "limit", "N", "rows at most (all without it)"                                    \
    }

static const struct command_option table_globals[] = {
    {"output", "FORMAT", "table (default), json or jsonl; one JSON object per run"},
    {"address", "HOST:PORT", "of a node, or several with commas (SOUK_ADDRESS)"},
    {"deadline", "DURATION", "for the whole command's call (10s)"},
    {"help", NULL, "help for this level (-h)"},
    {"version", NULL, "the version, and nothing else"},
    {NULL, NULL, NULL},
};

#define IMPORT_OPTIONS                                                                   \
    {                                                                                    \
        {"rejects", "FILE", "where refused rows go (FILE.rejects.csv)"},                 \
            {"batch", "ROWS", "rows in one message, 1 to 1000 (750)"},                   \
            {"outage", "DURATION", "how long to wait for a lost server (60s)"},          \
    }

/* Of the sets: what is made up, and the stock of the SKUs that are made. */
#define SET_OPTIONS(KIND)                                                                \
    {"kind", "KIND", "view, click, cart_add, wishlist, purchase (" KIND ")"},            \
        {"end", "TIME", "made-up times end before it (2025-01-01)"},                     \
        {"step", "DURATION", "between made-up times"},                                   \
        {"stock", "N", "units of each SKU that has no stock yet (1000000)"},             \
        {"location", "LOCATION", "where these are; made when absent (main)"},            \
        {"no-stock", NULL, "leave stock alone"},                                         \
        {"rejects", "FILE", "where refused rows go (FILE.rejects.csv)"},                 \
        {"batch", "ROWS", "rows in one message, 1 to 1000 (750)"},                       \
    {                                                                                    \
        "outage", "DURATION", "how long to wait for a lost server (60s)"                 \
    }

/* clang-format off */
static const struct command table_commands[] = {
    {"demo", "[ARGUMENT...]", 0, COMMAND_ARGUMENTS_MAX,
     "start a node with a sample store and walk through it",
     "Runs what deploy/demo runs, without building anything: a node on a free port, a made-up\n"
     "store of about 2,000 SKUs, a tour in which every step checks the answers, then it stays\n"
     "up until Ctrl-C.\n",
     "  souk demo\n  souk demo --once               ends after the tour\n"
     "  souk demo --data FILE          with the Online Retail invoices\n",
     {{"once", NULL, "end after the tour"}, {"data", "FILE", "Online Retail invoices instead of the made-up store"},
      {"dir", "D", "keep the data folder D"}, {"nodes", "N", "1: the demo starts one node"},
      {"events", "N", "size of the made-up history (100000)"}, {"seed", "N", "another made-up store (1)"}}, cli_demo},
    {"demo store", "DIRECTORY", 1, 1, "write the sample store as Souk CSV files",
     "Writes locations.csv, catalog.csv, stock.csv, customers.csv and events.csv. The same seed\n"
     "gives the same bytes.\n",
     "  souk demo store /tmp/store --seed 7\n",
     {{"seed", "N", "another store (1)"}, {"skus", "N", "SKUs, about (2000)"},
      {"customers", "N", "customers (5000)"}, {"events", "N", "events (100000)"}}, cli_demo_store},
    {"status", "", 0, 0, "what the cluster holds, node by node and shard by shard",
     "APPLIED is the last log entry of a shard whose effect can be read; it is on disk in the log.\n"
     "FLUSHED is the last one that a restart does not have to replay: it follows within half a minute\n"
     "(setting persist_interval_ms).\n",
     "  souk status\n  souk status -o json\n", {{NULL, NULL, NULL}}, cli_status},

    {"cluster", "", 0, 0, "one store on several nodes", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"cluster init", "", 0, 0, "make the store of this one node a cluster that others can join",
     "The data stays as it is, and so do its clients. Afterwards every empty folder joins with what\n"
     "this prints. Three nodes keep going when one of them is lost.\n",
     "  souk cluster init\n  soukd --dir /var/lib/souk --join 127.0.0.1:7401     on each further node\n",
     {{NULL, NULL, NULL}}, cli_cluster_init},
    {"cluster status", "", 0, 0, "nodes, and who leads and follows each shard",
     "As souk status. LAG counts entries that the replica furthest behind has yet to store.\n",
     "  souk cluster status\n  souk cluster status -o json | jq '.shards[].replicas'\n", {{NULL, NULL, NULL}}, cli_status},
    {"cluster remove-node", "NODE", 1, 1, "a node is gone for good: its replicas leave their shards",
     "They leave once the others are a quorum without them. A node whose folder was lost comes back as\n"
     "a new one: join with an empty folder, then remove the old one.\n",
     "  souk cluster remove-node 3\n", {{NULL, NULL, NULL}}, cli_cluster_remove_node},

    {"shard", "", 0, 0, "parts of the store, and the nodes that hold them", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"shard transfer", "SHARD [NODE]", 1, 2, "hand the lead of a shard to another node",
     "Without NODE, to the one that is most up to date.\n",
     "  souk shard transfer 1 2\n", {{NULL, NULL, NULL}}, cli_shard_transfer},
    {"shard add-replica", "SHARD NODE", 2, 2, "let a node hold a shard",
     "It learns first, and votes once it has caught up; souk cluster status shows how far it is.\n",
     "  souk shard add-replica 1 3\n", {{NULL, NULL, NULL}}, cli_shard_add_replica},
    {"shard remove-replica", "SHARD NODE", 2, 2, "take a shard off a node", NULL,
     "  souk shard remove-replica 1 3\n", {{NULL, NULL, NULL}}, cli_shard_remove_replica},
    {"shard verify", "SHARD", 1, 1, "compare the replicas of a shard, at one index of its log, while it works",
     "Exit 0: all answered, and all alike; 3: not so. Each replica walks its whole state once.\n",
     "  souk shard verify 1\n", {{NULL, NULL, NULL}}, cli_shard_verify},

    {"stock", "", 0, 0, "what is on the shelf", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"stock get", "SKU [LOCATION]", 1, 2, "the levels of one SKU",
     "available = on_hand - held - committed - damaged - quality_control - safety_stock\n",
     "  souk stock get MUG-RED\n  souk stock get MUG-RED berlin -o json\n",
     {{NULL, NULL, NULL}}, cli_stock_get},
    {"stock list", "", 0, 0, "all levels", NULL,
     "  souk stock list --limit 20\n  souk stock list --location berlin\n  souk stock list --sku MUG-RED\n  souk stock list -o jsonl > levels.jsonl\n",
     {{"sku", "SKU", "of one SKU"}, {"location", "LOCATION", "of one location"}, OPTION_LIMIT}, cli_stock_list},
    {"stock check", "SKU[:QTY][@LOCATION]...", 1, COMMAND_ARGUMENTS_MAX, "could a hold take this now, and from where?",
     "By the rules of hold create, with nothing set aside: one location has to have all of a line.\n"
     "--near takes the nearest location that has enough, else the one with most units is named.\n"
     "Exit 0 when every line is available, 1 when one is not.\n",
     "  souk stock check MUG-RED:2 TEA-GREEN\n"
     "  souk stock check MUG-RED:2 --channel web --location berlin,hamburg\n"
     "  souk stock check MUG-RED:2 --near 52.52,13.40 -o json | jq .all_available\n",
     {{"location", "LOCATION,...", "only these count"}, {"channel", "CHANNEL", "only locations that serve it"},
      {"near", "LATITUDE,LONGITUDE", "degrees; the nearest that has enough"},
      {"backorder", NULL, "allow what the backorder limit allows"}}, cli_stock_check},
    {"stock adjust", "SKU LOCATION QUANTITY", 3, 3, "add units, or take them off",
     "QUANTITY has a sign: +5 came in, -2 broke. No bucket ends below 0.\n",
     "  souk stock adjust MUG-RED berlin +12 --reason receipt --reference PO-771\n"
     "  souk stock adjust MUG-RED berlin -1 --reason damage\n",
     {{"reason", "REASON", "receipt sale return damage loss found count correction"},
      {"bucket", "BUCKET", "on_hand (default), damaged, quality_control, incoming, safety_stock, backorder_limit"},
      OPTION_REFERENCE, OPTION_REQUEST_ID}, cli_stock_adjust},
    {"stock set", "SKU LOCATION [ON-HAND]", 2, 3, "write absolute values",
     "Without ON-HAND, only what the options name is written.\n",
     "  souk stock set MUG-RED berlin 40 --reason count\n"
     "  souk stock set MUG-RED berlin 40 --expect 41      only if it is 41 now\n"
     "  souk stock set MUG-RED berlin --safety-stock 2\n",
     {{"expect", "N", "only if on_hand is N now"}, {"etag", "ETAG", "only if unchanged since it was read"},
      {"safety-stock", "N", "units never promised"}, {"backorder-limit", "N", "units promised beyond what is there"},
      {"damaged", "N", "of the units on hand, those that are broken"},
      {"quality-control", "N", "of the units on hand, those being checked"},
      {"incoming", "N", "units on their way here"},
      {"reason", "REASON", "count, correction, ..."}, OPTION_REFERENCE, OPTION_REQUEST_ID}, cli_stock_set},
    {"stock move", "SKU QUANTITY FROM TO", 4, 4, "move units to another place or condition",
     "FROM and TO are LOCATION or LOCATION/BUCKET; BUCKET is on_hand (sound units, the default),\n"
     "damaged, quality_control or incoming. No unit is made or lost on the way, and both sides change\n"
     "in one movement. What is held or committed does not leave, except into damaged and\n"
     "quality_control where it lies.\n",
     "  souk stock move MUG-RED 5 berlin hamburg                   from one shelf to another\n"
     "  souk stock move MUG-RED 5 berlin hamburg/incoming          on its way\n"
     "  souk stock move MUG-RED 5 hamburg/incoming hamburg         and there\n"
     "  souk stock move MUG-RED 1 berlin berlin/damaged --reason damage\n",
     {{"reason", "REASON", "receipt sale return damage loss found count correction"},
      OPTION_REFERENCE, OPTION_REQUEST_ID}, cli_stock_move},
    {"stock movements", "[SKU [LOCATION]]", 0, 2, "the ledger: every change of every level",
     "Of a SKU newest first; of all SKUs in the order they were decided in, shard by shard. Times\n"
     "are UTC, and log times: those at --since or later and before --until.\n",
     "  souk stock movements MUG-RED --limit 10\n"
     "  souk stock movements --reference PO-771\n"
     "  souk stock movements --location berlin --since 2026-11-01 --until 2026-12-01 -o jsonl\n",
     {{"location", "LOCATION", "of a SKU's level there, or of all SKUs there"}, {"since", "TIME", "at this time or later"},
      {"until", "TIME", "before this time"}, {"reference", "TEXT", "with exactly this reference"}, OPTION_LIMIT},
     cli_stock_movements},
    {"stock count", "", 0, 0, "count a location while it goes on selling",
     "What stands there is frozen at the start; closing posts by how much the counted units differ\n"
     "from that, so what was sold or came in meanwhile stays. One count is open at a location.\n",
     "  souk stock count start INV-26 berlin\n  souk stock count submit INV-26 MUG-RED=11 TEA-GREEN=0\n"
     "  souk stock count close INV-26\n  souk stock movements --reference INV-26\n",
     {{NULL, NULL, NULL}}, NULL},
    {"stock count start", "COUNT LOCATION", 2, 2, "freeze what stands at a location", NULL,
     "  souk stock count start INV-26 berlin\n"
     "  souk stock count start INV-26 berlin --at-submit     each SKU as it is when it is submitted\n",
     {{"at-submit", NULL, "compare with what is there when a SKU is submitted"}, OPTION_REQUEST_ID}, cli_stock_count_start},
    {"stock count submit", "COUNT [SKU=UNITS...]", 1, COMMAND_ARGUMENTS_MAX, "what was counted",
     "SKU=UNITS as arguments, or with --file lines SKU,UNITS (an optional first line sku_id,counted).\n"
     "A SKU that is submitted again replaces what was. SKUs that nobody submits stay as they are.\n",
     "  souk stock count submit INV-26 MUG-RED=11 TEA-GREEN=0\n"
     "  souk stock count submit INV-26 --file counted.csv\n",
     {{"file", "FILE|-", "lines of SKU,UNITS; - is stdin"}, OPTION_REQUEST_ID}, cli_stock_count_submit},
    {"stock count close", "COUNT", 1, 1, "post the differences", NULL,
     "  souk stock count close INV-26\n  souk stock count close INV-26 --discard    post nothing\n",
     {{"discard", NULL, "post nothing"}, OPTION_REQUEST_ID}, cli_stock_count_close},
    {"stock audit", "", 0, 0, "recompute every level from the ledger",
     "Reads every level, then every movement up to the moment that level was read at, and adds them\n"
     "up: each bucket of each level, in this program. Selling goes on meanwhile. Prints what differs;\n"
     "exit 3 when something does.\n",
     "  souk stock audit\n  souk stock audit -o json | jq .drift\n", {{NULL, NULL, NULL}}, cli_stock_audit},

    {"stock stream", "FILE|-", 1, 1, "a warehouse system's movements, each taken exactly once",
     "CSV; the first line names the columns: sku_id, location_id, delta (what came or went) or\n"
     "quantity (the new value), and if need be bucket, reason, reference and time (UTC). A row's\n"
     "number is its sequence: the server knows which rows of a source it has, so the same command\n"
     "again, or after a crash, goes on where it stopped. A quantity from before what the source\n"
     "told of a level last is passed over. Refused rows go to a file and are passed, or stop it.\n",
     "  souk stock stream movements.csv --source wms-berlin\n"
     "  souk stock stream movements.csv --source wms-berlin --follow     as the file grows, until Ctrl-C\n"
     "  journal | souk stock stream - --source till-4 --stop-on-error\n"
     "  souk stock stream all-again.csv --source wms-berlin --epoch 2    counts anew after a restore\n",
     {{"source", "ID", "the system that counts the rows; must be given"}, {"follow", NULL, "go on as the file grows"},
      {"epoch", "N", "above the one before: rows count from 1 again (1)"},
      {"on-missing", "RULE", "of an unknown SKU: refuse (default), skip, create (as a draft)"},
      {"stop-on-error", NULL, "end at the first refused row; mended, it is taken"},
      {"rejects", "FILE", "where refused rows go (FILE.rejects.csv)"}, {"batch", "ROWS", "rows in one message, 1 to 1000 (500)"},
      {"outage", "DURATION", "how long to wait for a lost server (60s)"}}, cli_stock_stream},

    {"stock watch", "[SKU...]", 0, COMMAND_ARGUMENTS_MAX, "levels as they are, then every change as it happens",
     "Of these SKUs, or of all; until Ctrl-C. A lost connection goes on where it was lost. At the\n"
     "end a token is told: --token goes on from there, later or elsewhere, with nothing missing.\n",
     "  souk stock watch\n  souk stock watch MUG-RED TEA-GREEN --location berlin\n"
     "  souk stock watch --changes-only --alerts low_stock,back_in_stock --low-stock 3\n"
     "  souk stock watch --token TOKEN -o jsonl >> changes.jsonl\n",
     {{"location", "LOCATION,...", "only there"}, {"token", "TOKEN", "changes behind it; no levels"},
      {"changes-only", NULL, "no levels: changes from now on"},
      {"alerts", "ALERT,...", "only changes with one: low_stock reorder_point back_in_stock shortfall hold_expired"},
      {"low-stock", "N", "low_stock is said when available falls to N (0)"},
      {"reorder-point", "N", "reorder_point is said when available and incoming fall to N"},
      {"limit", "N", "end after N changes"}, {"outage", "DURATION", "how long to wait for a lost server (60s)"}}, cli_stock_watch},

    {"hold", "", 0, 0, "units set aside for somebody, for a while",
     "held -> committed -> fulfilled; held -> released | expired; committed -> cancelled\n", NULL,
     {{NULL, NULL, NULL}}, NULL},
    {"hold create", "SKU[:QTY][@LOCATION]...", 1, 200, "set units aside",
     "All lines or none, unless --best-effort. Without a location the one with most available\n"
     "is taken. A SKU id that ends in ':digits' is written with ':1' behind it.\n",
     "  souk hold create MUG-RED:2 --owner cart-19 --ttl 15m\n"
     "  souk hold create MUG-RED:2@berlin TEA-GREEN -o json\n",
     {{"owner", "OWNER", "a cart, a customer"}, {"ttl", "DURATION", "until it expires by itself (15m)"},
      {"best-effort", NULL, "grant what there is, at least one unit"},
      {"backorder", NULL, "allow what the backorder limit allows"}, OPTION_REFERENCE, OPTION_REQUEST_ID}, cli_hold_create},
    {"hold get", "HOLD", 1, 1, "one hold", NULL, "  souk hold get HOLD\n", {{NULL, NULL, NULL}}, cli_hold_get},
    {"hold list", "", 0, 0, "holds of an owner",
     "Those that hold units, held and committed, unless --state says which. Ended ones are kept for\n"
     "a while only.\n",
     "  souk hold list --owner cart-19\n  souk hold list --owner cart-19 --state expired,released\n",
     {{"owner", "OWNER", "whose; must be given"},
      {"state", "STATE,...", "all, or some of held committed fulfilled released expired cancelled (held,committed)"},
      OPTION_LIMIT}, cli_hold_list},
    {"hold commit", "HOLD", 1, 1, "sold: the units are promised for good", NULL, "  souk hold commit HOLD\n",
     {OPTION_REQUEST_ID}, cli_hold_commit},
    {"hold release", "HOLD", 1, 1, "give the units back", NULL, "  souk hold release HOLD\n",
     {OPTION_REQUEST_ID}, cli_hold_release},
    {"hold extend", "HOLD [TTL]", 1, 2, "a later expiry, counted from now", NULL,
     "  souk hold extend HOLD --ttl 30m\n  souk hold extend HOLD 30m\n",
     {{"ttl", "DURATION", "as the second argument; one of them must be given"}, OPTION_REQUEST_ID}, cli_hold_extend},
    {"hold fulfil", "HOLD", 1, 1, "the units of a committed hold have left the shelf", NULL,
     "  souk hold fulfil HOLD\n", {OPTION_REQUEST_ID}, cli_hold_fulfil},
    {"hold cancel", "HOLD", 1, 1, "take a committed hold back", NULL, "  souk hold cancel HOLD\n",
     {OPTION_REQUEST_ID}, cli_hold_cancel},

    {"rec", "[CUSTOMER]", 0, 1, "what somebody may want, and really can have",
     "From live histories at the moment of asking; each item was in stock when it was shown, and\n"
     "names its reason with the number of people, sessions or attributes that say so.\n"
     "\n"
     "PLACEMENT: for-you (all that is known, blended; so for a CUSTOMER or a visitor of whom nothing\n"
     "more is said), session (what sessions like this one went on to; so otherwise), also-bought, bought-together and similar (of the --seed items), buy-again\n"
     "and recently-viewed (of the customer), trending, new. What it is about may have too little\n"
     "to say; then the next best fills in, and says so.\n"
     "\n"
     "FILTER: price < 20 AND (attributes.colour = \"red\" OR brand = acme) AND NOT name:mug\n"
     "fields sku_id product_id name brand category price price.currency attributes.NAME; = != < <=\n"
     "> >= and : (holds; field:* is there). OR binds tighter than AND.\n",
     "  souk rec C-00017                                  what this customer may want\n"
     "  souk rec --session MUG-RED,TEA-GREEN --count 5    after these clicks\n"
     "  souk rec --placement also-bought --seed MUG-RED   on a product page\n"
     "  souk rec --placement trending --filter 'price < 10' --diversity brand:2\n"
     "  souk rec C-00017 --explain                        and why: sources, seeds, stages\n"
     "  souk rec C-00017 -o json | jq '.items[].reasons'\n",
     {{"placement", "PLACEMENT", "what is to be shown (for-you, or session)"}, {"customer", "CUSTOMER", "as the argument"},
      {"visitor", "VISITOR", "somebody not known by name"}, {"session", "SKU,SKU...", "the session so far, oldest first, up to " REC_TEXT(REC_IDS_MAX)},
      {"seed", "SKU,SKU...", "the items at hand, up to " REC_TEXT(REC_SEEDS_MAX)}, {"filter", "FILTER", "only items of which it is true"},
      {"diversity", "FIELD:N", "at most N items of one brand, category, product_id or attribute"}, {"count", "N", "items, 1 to " REC_TEXT(REC_ITEMS_MAX) " (10)"},
      {"cart", "SKU,SKU...", "not to be shown"}, {"location", "LOCATION,...", "in stock there, and what trends there first (anywhere)"},
      {"stock", "MODE", "verified (default), indexed, none"}, {"min-quantity", "N", "units that must be there (1)"},
      {"exclude-seen", NULL, "not what the session has"},
      {"exclude-current", NULL, "not the item at hand (so with --session or --seed anyway)"},
      {"include-current", NULL, "with --session or --seed: the item at hand may come back"},
      {"no-personalization", NULL, "nothing of the customer's own history"},
      {"explain", NULL, "then why the answer is as it is"}}, cli_rec},
    {"rec rank", "SKU,SKU...", 1, COMMAND_ARGUMENTS_MAX, "put given items in order for somebody, dropping none",
     "Up to " REC_TEXT(REC_RANK_MAX) " SKUs, with commas or blanks between. Those that nothing speaks for come last, in the\n"
     "order given. A customer called 'rank' is --customer rank.\n",
     "  souk rec rank MUG-RED,TEA-GREEN,POT-BLUE --customer C-00017\n"
     "  souk rec rank MUG-RED TEA-GREEN --seed POT-BLUE --placement also-bought\n",
     {{"placement", "PLACEMENT", "how it is judged (for-you); see souk rec --help"}, {"customer", "CUSTOMER", "for whom"},
      {"visitor", "VISITOR", "somebody not known by name"}, {"session", "SKU,SKU...", "the session so far, oldest first, up to " REC_TEXT(REC_IDS_MAX)},
      {"seed", "SKU,SKU...", "the items at hand, up to " REC_TEXT(REC_SEEDS_MAX)}, {"location", "LOCATION,...", "in stock there, and what trends there first (anywhere)"},
      {"stock", "MODE", "verified (default), indexed, none"}, {"min-quantity", "N", "units that must be there (1)"},
      {"no-personalization", NULL, "nothing of the customer's own history"}}, cli_rec_rank},
    {"rec explain", "ANSWER", 1, 1, "why an answer was as it was",
     "What it was found from, which sources were asked, what was left out and why, and how long each\n"
     "stage took. A node remembers its newest answers only (setting answers_kept).\n"
     "\n"
     "Stages: context (who asks, consent, history), tokens (attributes of the items at hand, for what\n"
     "is similar to them), search (the sources, over all shards), merge (one list of what they found),\n"
     "rank (live stock of it, filter, diversity), catalogue (anything in stock, when all that fell short).\n"
     "A stage that was not needed is not listed.\n",
     "  souk rec C-00017 -o json | jq -r .answer_id\n  souk rec explain 01a21fe9-f81a-7237-9614-18295108f9d7\n",
     {{NULL, NULL, NULL}}, cli_rec_explain},

    {"sku", "", 0, 0, "what can be sold", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"sku get", "SKU...", 1, COMMAND_ARGUMENTS_MAX, "one or more SKUs", NULL, "  souk sku get MUG-RED\n",
     {{NULL, NULL, NULL}}, cli_sku_get},
    {"sku list", "", 0, 0, "all SKUs", NULL, "  souk sku list --limit 20\n  souk sku list -o jsonl > skus.jsonl\n",
     {OPTION_LIMIT}, cli_sku_list},
    {"sku put", "SKU [NAME=VALUE...]", 1, 65, "create a SKU, or change what is named",
     "NAME=VALUE is an attribute. What is not named stays as it is; attributes are written whole:\n"
     "name all of them, or none.\n",
     "  souk sku put MUG-RED colour=red size=small\n"
     "  souk sku put MUG-RED --name 'Red mug' --price '7.90 EUR' --category Home/Kitchen/Mugs\n"
     "  souk sku put MUG-RED --gtins 4006381333931 --aliases OLD-7,supplier:19\n"
     "  souk sku put MUG-RED --state retired\n",
     {{"name", "TEXT", "for people"}, {"price", "AMOUNT", "'7.90 EUR'"}, {"brand", "TEXT", "maker"},
      {"category", "A/B/C", "from the root"}, {"state", "STATE", "draft, active, retired"},
      {"product", "PRODUCT", "what it is a variant of"}, {"cost", "AMOUNT", "what it was bought for"},
      {"unit", "UNIT", "piece, kg"}, {"unit-exponent", "N", "quantities count 10^-N units (0)"},
      {"gtins", "GTIN,...", "trade item numbers, written whole"}, {"aliases", "ID,...", "other ids it is found under, written whole"},
      {"etag", "ETAG", "only if unchanged since it was read"}, OPTION_REQUEST_ID}, cli_sku_put},
    {"sku resolve", "IDENTIFIER", 1, 1, "the SKU that an id, a GTIN or an alias stands for",
     "A GTIN is found in any of its lengths. What a SKU had once and lists no more is told as\n"
     "retired; it is never another SKU's.\n",
     "  souk sku resolve 4006381333931\n  souk sku resolve OLD-7 -o json\n", {{NULL, NULL, NULL}}, cli_sku_resolve},
    {"sku delete", "SKU", 1, 1, "delete a SKU that has neither stock nor holds", NULL, "  souk sku delete MUG-RED\n",
     {{"etag", "ETAG", "only if unchanged since it was read"}, OPTION_REQUEST_ID}, cli_sku_delete},

    {"location", "", 0, 0, "where stock lies", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"location get", "LOCATION", 1, 1, "one location", NULL, "  souk location get berlin\n", {{NULL, NULL, NULL}}, cli_location_get},
    {"location list", "", 0, 0, "all locations", NULL, "  souk location list\n", {OPTION_LIMIT}, cli_location_list},
    {"location put", "LOCATION", 1, 1, "create a location, or change what the options name",
     "Stock of a location is sold in the channels that it serves; in all when it names none.\n"
     "Coordinates are decimal degrees; they tell which location is nearest to somebody.\n",
     "  souk location put berlin --name 'Berlin, Torstr.' --type store --time-zone Europe/Berlin\n"
     "  souk location put berlin --latitude 52.5298 --longitude 13.4014 --channels web,store\n",
     {{"name", "TEXT", "for people"}, {"type", "TYPE", "warehouse (default), store, supplier, transit"},
      {"place", "TEXT", "postal address"}, {"latitude", "DEGREES", "north of the equator, -90 to 90"},
      {"longitude", "DEGREES", "east of Greenwich, -180 to 180"}, {"time-zone", "ZONE", "Europe/Berlin"},
      {"channels", "NAME,NAME...", "served; '' is all"}, {"etag", "ETAG", "only if unchanged since it was read"},
      OPTION_REQUEST_ID}, cli_location_put},

    {"customer", "", 0, 0, "who the shop knows", NULL, NULL, {{NULL, NULL, NULL}}, NULL},
    {"customer get", "CUSTOMER", 1, 1, "one customer", NULL, "  souk customer get C-00017\n", {{NULL, NULL, NULL}}, cli_customer_get},
    {"customer put", "CUSTOMER [NAME=VALUE...]", 1, 65, "create or rewrite a customer with attributes",
     "The attributes are written whole. Consent stays as it is unless an option names it; --consent\n"
     "gives all of it (again) but for what another option takes away.\n",
     "  souk customer put C-00017 country=DE club=gold\n  souk customer put C-00017 --no-evidence\n",
     {{"no-personalization", NULL, "own history must not be used"}, {"no-evidence", NULL, "history must not count for others"},
      {"consent", NULL, "both are allowed"},
      OPTION_REQUEST_ID}, cli_customer_put},
    {"customer export", "ID", 1, 1, "a copy of everything stored of a customer or a visitor",
     "The profile first, then every event, newest recorded first. -o jsonl writes line by line as it\n"
     "comes, whatever the size: {customer, event_count}, then an event per line; the other formats\n"
     "collect all of it before they show it.\n",
     "  souk customer export C-00017\n  souk customer export C-00017 -o jsonl > C-00017.jsonl\n"
     "  souk customer export cookie-88 --visitor -o json\n",
     {{"visitor", NULL, "ID is a visitor's"}}, cli_customer_export},
    {"customer erase", "ID", 1, 1, "erase a customer or a visitor for good, and prove it",
     "The profile, its consent, all events and their weight in everybody's recommendations are gone\n"
     "when the answer comes. The answer is the proof: shard, log index and time, what was removed,\n"
     "and which nodes confirmed. Erasing somebody unknown is no failure; it proves that nothing was\n"
     "there. Take a copy before (customer export), and stop what still sends events under the id:\n"
     "later ones count as those of somebody new. Asks on a terminal; scripts say --yes.\n",
     "  souk customer erase C-00017\n  souk customer erase C-00017 --yes -o json > proof.json\n"
     "  souk customer erase cookie-88 --visitor --yes\n",
     {{"visitor", NULL, "ID is a visitor's"}, {"yes", NULL, "do not ask"}, OPTION_REQUEST_ID}, cli_customer_erase},

    {"events", "", 0, 0, "what customers did",
     "An event is history: it is stored whether or not the catalog knows its SKU. One that is\n"
     "misspelt fails nowhere, and counts for nothing until a SKU of that id is made.\n", NULL, {{NULL, NULL, NULL}}, NULL},
    {"events record", "KIND [SKU...]", 1, 200, "record events; they count at the next recommendation",
     "KIND: view search cart_add cart_remove wishlist purchase return rating impression click\n"
     "dismiss store_visit. One event per SKU; a SKU that the catalog lacks is stored as well, without\n"
     "a warning.\n",
     "  souk events record purchase MUG-RED TEA-GREEN --customer C-00017\n"
     "  souk events record view MUG-RED --visitor cookie-88\n",
     {{"customer", "CUSTOMER", "who"}, {"visitor", "VISITOR", "who, not known by name"}, {"session", "SESSION", "which visit"},
      {"quantity", "N", "of each (1)"}, {"time", "TIME", "when; now without it"}, {"detail", "TEXT", "search words, stars"},
      {"location", "LOCATION", "where"},
      {"event-id", "ID", "of a single event: a repeat is ignored"}}, cli_events_record},

    {"import", "", 0, 0, "bring files in, each row once, for ever",
     "A row's identity is the digest of the file's content and its line: the same file again, also\n"
     "compressed another way or after an interruption, changes nothing twice. Files may be .xz,\n"
     ".gz, .zst or plain. Refused rows are counted and kept in FILE.rejects.csv with line number\n"
     "and reason; once the SKU or location that was missing is there, the same command takes them.\n"
     "Columns go by the names in the first line, in any order.\n",
     NULL, {{NULL, NULL, NULL}}, NULL},
    {"import online-retail", "FILE", 1, 1, "the UCI Online Retail invoices",
     "Makes SKUs (most frequent description, last price), one location 'main', opening stock (one\n"
     "average month of sales), customers with their country, and a purchase or return event per\n"
     "line. Lines without a customer become a visitor's session, one per invoice. Postage, fees,\n"
     "discounts, samples and stock corrections are counted as skipped.\n",
     "  souk import online-retail online_retail.csv.xz\n", IMPORT_OPTIONS, cli_import},
    {"import locations", "FILE", 1, 1, "location_id,name,type,address,time_zone,latitude,longitude,channels",
     "Each row rewrites its location whole, what the file has no column for too. Degrees are decimal;\n"
     "channels have ';' between them.\n", "  souk import locations locations.csv\n", IMPORT_OPTIONS, cli_import},
    {"import catalog", "FILE", 1, 1, "sku_id,name,state,brand,category,price,currency",
     "category is a path with slashes. Further columns become text attributes, written whole. What\n"
     "the file has no column for stays as it is.\n",
     "  souk import catalog catalog.csv.gz\n", IMPORT_OPTIONS, cli_import},
    {"import stock", "FILE", 1, 1, "sku_id,location_id,on_hand,reference",
     "Writes on_hand of each level.\n", "  souk import stock stock.csv\n", IMPORT_OPTIONS, cli_import},
    {"import customers", "FILE", 1, 1, "customer_id, and attributes in further columns",
     "Attributes are written whole; consent stays as it is.\n", "  souk import customers customers.csv\n", IMPORT_OPTIONS, cli_import},
    {"import events", "FILE", 1, 1,
     "event_id,customer_id,visitor_id,kind,sku_id,session_id,quantity,price,currency,time,detail,location_id",
     "One of customer_id and visitor_id is filled. event_id may be empty: the row's identity makes\n"
     "one. Times are UTC, 2025-11-30T08:26:00Z or '2025-11-30 08:26:00'. location_id is where it\n"
     "happened; it may be empty, or of a location that comes later. SKUs that the catalog lacks\n"
     "are no reason to refuse an event.\n",
     "  souk import events events.csv.xz\n", IMPORT_OPTIONS, cli_import},
    {"import sessions", "FILE", 1, 1, "sessions: item item ..., or SessionId ItemId Time",
     "Lines of items, each line one session, oldest first (Diginetica, YOOCHOOSE 1/64):\n"
     "    9 10\n    11 12 12 13\n    14 9 15\n"
     "Or clicks with tabs between (Serenade, RSC15); Time in Unix seconds:\n"
     "    SessionId  ItemId  Time\n    10036      14957   1592337718.0\n    10036      14713   1592337765.0\n"
     "Each session is a visitor 'sess-N', N its line or its SessionId, and one explicit session.\n"
     "Times that lines lack are made up: the newest click of line n of N at END - (N-n+1) * STEP\n"
     "(1s), the others 1 s apart before it; so what stands later in the file is newer. SKUs that\n"
     "the cluster lacks are made. Empty lines count as skipped.\n",
     "  souk import sessions train_sessions.txt.xz --end 2026-01-01\n",
     {{"format", "FORMAT", "lines or clicks; told by the first line"},
      {"prefix", "TEXT", "of the visitors' ids (sess-)"}, SET_OPTIONS("view")}, cli_import},
    {"import histories", "FILE", 1, 1, "histories: user item item ...",
     "Each line a customer and what they had, oldest first (Gowalla, Amazon Beauty):\n"
     "    1 1 2 3 4 5\n    2 6 7 8 9\n    3 4 12 13\n"
     "Item i of c of a customer (from 0) is made up to be at END - (c-i) * STEP (1d); a STEP of at\n"
     "most the pause that ends a session makes one session of it. --attributes names a JSON file\n"
     "{\"item\": [1, 2]}: a SKU that is made gets a flag attribute-1 and so on. --hold-out leaves the\n"
     "last items of each out; the file counts as imported, so they stay out.\n",
     "  souk import histories Beauty.txt.xz --hold-out 2 --attributes item2attributes.json.xz\n",
     {{"attributes", "FILE", "JSON: item -> list of values"},
      {"hold-out", "N", "last items of each customer, left out (0)"}, SET_OPTIONS("purchase")}, cli_import},
    {"import baskets", "FILE", 1, 1, "baskets: names with commas, or customers' baskets as JSON",
     "Each line a basket of names (Groceries); a name's SKU has '-' for what no id may hold:\n"
     "    citrus fruit,margarine\n    tropical fruit,yogurt,coffee\n    whole milk\n"
     "Each is a visitor 'basket-N' of line N; line n of N is made up to be at END - (N-n+1) * STEP (1d).\n"
     "Or JSON (Ta-Feng), customers with their baskets, oldest first; [-1] marks the ends:\n"
     "    {\"1\": [[-1], [0, 1, 2], [3, 4], [-1]],\n     \"2\": [[-1], [5], [-1]]}\n"
     "Basket i of c (from 0) at END - (c-i) * STEP. Lines of rejects count the customers there.\n",
     "  souk import baskets groceries.csv.xz\n  souk import baskets tafeng_history.json.xz --hold-out 1\n",
     {{"format", "FORMAT", "lines or json; told by the first character"},
      {"prefix", "TEXT", "of the visitors' ids (basket-)"},
      {"hold-out", "N", "last baskets of each customer, left out (0)"}, SET_OPTIONS("purchase")}, cli_import},

    {"bench", "[ARGUMENT...]", 0, COMMAND_ARGUMENTS_MAX, "put load on a node (souk-load)",
     "Hands the arguments to the load program that is built beside souk; put options behind --.\n",
     "  souk bench -- --help\n", {{NULL, NULL, NULL}}, cli_bench},
    {"completion", "", 0, 0, "bash completion of this command line", NULL, "  source <(souk completion)\n",
     {{NULL, NULL, NULL}}, cli_completion},
    {"manual", "", 0, 0, "the man page", NULL, "  souk manual | man -l -\n", {{NULL, NULL, NULL}}, cli_manual},
    {"version", "", 0, 0, "of this program", NULL, NULL, {{NULL, NULL, NULL}}, cli_version},
    {"help", "[COMMAND...]", 0, 4, "what a command does, as COMMAND --help", NULL,
     "  souk help\n  souk help stock adjust\n", {{NULL, NULL, NULL}}, cli_help},
};
/* clang-format on */

const struct command_table *command_table(void)
{
    static const struct command_table table = {
        .commands = table_commands,
        .count = sizeof table_commands / sizeof table_commands[0],
        .globals = table_globals,
    };
    return &table;
}
