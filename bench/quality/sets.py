# SPDX-License-Identifier: Apache-2.0
"""The sets, one line of data each: where they lie, how they are asked, what they must reach.

Parameters were chosen on the training part alone (its own tail held back: --validation), and
every set says how. `clicks` is L: so many of the newest clicks are sent. Bars are those of
the project's targets; a set whose test half is not shared has none.
"""
import dataclasses

SESSIONS, HISTORIES, BASKETS = "sessions", "histories", "baskets"  # as souk import calls them
SESSION_MEASURES = {"HR@20": "hr", "MRR@20": "mrr"}
NEIGHBOURS = ("the newest 5,000 training sessions, 54 points: m 1000..3000, k 300..1000, L 3..9; m 1500, "
              "k 100..200, L 3..5; best sum of HR and MRR")


@dataclasses.dataclass
class Set:
    name: str
    kind: str
    train: str  # below the data folder; empty: made up
    measures: dict  # label -> what bench_evaluate calls it
    chosen: str  # how the parameters were chosen
    test: str = ""  # empty: the tail of the training part is held back
    bars: dict = dataclasses.field(default_factory=dict)  # label -> least
    placement: str = "session"
    count: int = 20  # K
    clicks: int = 9
    exclude_current: bool = False
    exclude_seen: bool = False
    exclude_history: bool = False  # what the customer had is not asked for
    hold_out: int = 0  # histories, baskets: so many of the last are the test (1: the last)
    settings: dict = dataclasses.field(default_factory=dict)  # of the node
    options: list = dataclasses.field(default_factory=list)  # of souk import
    attributes: str = ""
    seeds: int = 1  # fresh nodes, each with hash seeds of its own; the worst counts


ALL = [
    Set("tiny", SESSIONS, "", SESSION_MEASURES, "made up, so that the benchmark itself is tested",
        bars={"HR@20": 0.9, "MRR@20": 0.5}, exclude_current=True),
    Set("diginetica", SESSIONS, "diginetica/train_sessions.txt.xz", SESSION_MEASURES,
        NEIGHBOURS, test="diginetica/test_prefix_target.txt.xz",
        bars={"HR@20": 0.516, "MRR@20": 0.184}, clicks=5,
        settings={"neighbours_candidates": 1500, "neighbours_kept": 100}),
    Set("yoochoose64", SESSIONS, "yoochoose64/train_sessions.txt.xz", SESSION_MEASURES,
        "the 5,000 sessions before those held back: m 500..5000, k 100..1000, L 3..5", clicks=3,
        settings={"neighbours_candidates": 1500, "neighbours_kept": 100}),
    Set("serenade-toy", SESSIONS, "serenade_toy/train.txt.xz", SESSION_MEASURES,
        "on its validation clicks (--test valid.txt.xz): m 500..1000, k 50..192, L 2..3",
        test="serenade_toy/test.txt.xz", bars={"HR@20": 0.636, "MRR@20": 0.325}, clicks=3,
        exclude_current=True, settings={"neighbours_candidates": 500, "neighbours_kept": 100},
        seeds=5),
    Set("amazon-beauty", HISTORIES, "amazon_beauty/Beauty.txt.xz",
        {"HR@10": "hr", "NDCG@10": "ndcg"},
        "--validation: the second-last item of each customer; two points through the server",
        bars={"HR@10": 0.10, "NDCG@10": 0.06}, placement="for-you", count=10, hold_out=1,
        exclude_history=True, attributes="amazon_beauty/Beauty_item2attributes.json.xz",
        settings={"placements": "for-you=walk:4,walk-then:6,content:4/popular:1",
                  "walk_customers": 500, "walk_seed_decay_percent": 80,
                  "walk_then_seed_decay_percent": 50, "walk_then_window": 5}),
    Set("tafeng", BASKETS, "tafeng/tafeng_history.json.xz",
        {"recall@10": "recall", "NDCG@10": "ndcg"}, "--validation: the last basket of the history",
        test="tafeng/tafeng_future_half.json.xz", bars={"recall@10": 0.135, "NDCG@10": 0.116},
        placement="buy-again", count=10,
        settings={"placements": "buy-again=buy-again:10,popular:6", "buy_again_due_percent": 0}),
    Set("gowalla", HISTORIES, "gowalla/train.txt.xz", {"recall@20": "recall", "NDCG@20": "ndcg"},
        "--validation: a tenth of each customer's items, drawn; one point through the server",
        placement="for-you", exclude_history=True,
        settings={"placements": "for-you=walk:1/popular:1", "walk_seeds": 64,
                  "walk_power_quarters": 2, "walk_power_hundredths": 45,
                  "walk_nearest": 200, "walk_customers": 500}),
]
BY_NAME = {each.name: each for each in ALL}
