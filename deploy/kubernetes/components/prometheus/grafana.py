"""What panels of Grafana consist of, where they stand, and how a dashboard is written down."""

import json

WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
# Words that mean the same wherever they are a series' name.
COLOURS = {
    "succeeded": GREEN, "failed": RED, "cancelled": GREY,
    "ok": GREEN, "unauthorized": RED, "denied": RED, "unavailable": RED, "timeout": RED,
    "delivered": GREEN, "retried": YELLOW, "abandoned": RED,
    "queued": YELLOW, "running": BLUE,
}  # fmt: skip


def of(metric, *matchers):
    """A selector of a metric in the namespace that is chosen above the dashboard."""
    matchers = ", ".join(['namespace="$namespace"', *matchers])
    return f"{metric}{{{matchers}}}"


def rate(metric, *matchers, by):
    return f"sum by ({by}) (rate({of(metric, *matchers)}[$__rate_interval]))"


def rise(metric, *matchers, by=None, over="$__range"):
    total = f"sum by ({by}) " if by else "sum"
    return f"{total}(increase({of(metric, *matchers)}[{over}]))"


def quantile(share, metric, by=None):
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({of(metric + '_bucket')}[$__rate_interval])))"


def steps(*bounds):
    """Colours from the lowest value up, such as steps(GREEN, (300, RED))."""
    first, *others = bounds
    return {
        "mode": "absolute",
        "steps": [{"color": first, "value": None}, *({"color": color, "value": value} for value, color in others)],
    }


def without_a_number(text):
    """What stands where nothing was divided by nothing."""
    return {"type": "special", "options": {"match": "nan", "result": {"text": text, "color": GREY}}}


def panel(kind, title, description, queries, *, unit="short", width=8, height=8, options=None, custom=None, coloured=(),
          **more):
    """A panel with a query for each legend; `coloured` series have the colour of their word."""
    overrides = [
        {"matcher": {"id": "byName", "options": name},
         "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]}
        for name, color in COLOURS.items()
        if name in coloured
    ]  # fmt: skip
    defaults = {"unit": unit, **({"custom": custom} if custom else {})}
    for key in ("decimals", "min", "max", "thresholds", "mappings", "color", "noValue"):
        if key in more:
            defaults[key] = more.pop(key)
    is_instant = kind in ("stat", "bargauge", "gauge")
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "size": (width, height),
        **more,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options or {},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend}
            | ({"instant": True, "range": False} if is_instant else {})
            for number, (legend, expr) in enumerate(queries.items())
        ],
    }


def stat(title, description, expr, *, legend="", name=False, **more):
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if name else "auto",
        "colorMode": "value",
        "graphMode": "none",
    }
    more.setdefault("thresholds", steps(GREEN))
    more.setdefault("width", 3)
    return panel("stat", title, description, {legend: expr}, height=4, options=options, **more)


def graph(title, description, queries, *, stack=False, bars=False, **more):
    custom = {"drawStyle": "bars" if bars else "line", "fillOpacity": 70 if bars else 10, "showPoints": "never"}
    if bars:
        custom["lineWidth"] = 0
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
        custom["fillOpacity"] = 70
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more.setdefault("min", 0)
    return panel("timeseries", title, description, queries, options=options, custom=custom, **more)


def laid_out(rows):
    """The panels with numbers and places, from left to right and from top to bottom."""
    panels, top = [], 0
    for title, members in rows.items():
        row = {"type": "row", "title": title, "collapsed": False, "panels": []}
        panels.append({**row, "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}})
        top += 1
        left = height = 0
        for member in members:
            width, member_height = member["size"]
            if left + width > WIDTH:
                left, top, height = 0, top + height, 0
            content = {key: value for key, value in member.items() if key != "size"}
            panels.append({**content, "gridPos": {"x": left, "y": top, "w": width, "h": member_height}})
            left, height = left + width, max(height, member_height)
        top += height
    return [{"id": number, **item} for number, item in enumerate(panels, start=1)]


def written(value, indent=0):
    """JSON in which whatever fits stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    inner = " " * (indent + 2)
    if not isinstance(value, (dict, list)) or len(line) + indent < 118:
        return line
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {written(item, indent + 2)}" for key, item in value.items()]
    else:
        items = [written(item, indent + 2) for item in value]
    ends = "{}" if isinstance(value, dict) else "[]"
    return ends[0] + "\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + ends[1]
