# SPDX-License-Identifier: Apache-2.0
"""The same rows for people."""


def figure(value, digits=0):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,.{digits}f}" if abs(value) >= 100 or digits else f"{value:.4g}"


COLUMNS = [
    ("case", lambda row: row["case"]),
    ("ours", lambda row: f"{figure(row['ours'])} {row['unit']}".rstrip()),
    ("min..max", lambda row: f"{figure(row['ours_min'])}..{figure(row['ours_max'])}"),
    ("cpu us", lambda row: figure(row["ours_cpu_us"], 2)),
    ("peer", lambda row: row["peer_name"] or "-"),
    ("figure", lambda row: figure(row["peer"])),
    ("cpu us", lambda row: figure(row["peer_cpu_us"], 2)),
    ("ratio", lambda row: figure(row["ratio"], 2)),
    ("cpu", lambda row: figure(row["cpu_ratio"], 2)),
    ("p50/p90/p99 us", lambda row: "/".join(figure(row[key]) for key in
                                            ("p50_us", "p90_us", "p99_us"))),
    ("bar", lambda row: row["bar"] or "-"),
    ("met", lambda row: figure(row["met"])),
]


def render(document):
    cells = [[title for title, _ in COLUMNS]]
    cells += [[make(row) for _, make in COLUMNS] for row in document["rows"]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    machine = document["machine"]
    lines = [f"{document['bench']}: medians of {document['rounds']} rounds of "
             f"{document['seconds']:g} s, {machine['cores']} cores, commit {document['commit']}"]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
              for line in cells]
    lines += [f"  {row['case']}, {row['peer_name'] or 'ours'}: {row['why']}"
              for row in document["rows"]
              if row.get("why") and (row["peer_name"] or row["ours"] is None)]
    return "\n".join(lines)
