"""What of the Prometheus Operator's custom resources (monitoring.coreos.com/v1) may be in the manifests.

Only the fields that are in use are known; anything else is an error, as a cluster would drop it without a word.
"""

import jsonschema

DURATION = {"type": "string", "pattern": r"^([0-9]+(ms|[smhdwy]))+$"}
TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def fields(required, **optional):
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": sorted(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def resource(kind, spec):
    return fields(
        {
            "apiVersion": {"const": "monitoring.coreos.com/v1"},
            "kind": {"const": kind},
            "metadata": fields({"name": TEXT, "namespace": TEXT, "labels": TEXTS}),
            "spec": spec,
        }
    )


def some(items):
    return {"type": "array", "minItems": 1, "items": items}


SCHEMAS = {
    "ServiceMonitor": resource(
        "ServiceMonitor",
        fields(
            {
                "selector": fields({"matchLabels": TEXTS}),
                "endpoints": some(
                    fields(
                        # The name of the Service's port; a number would be targetPort.
                        {"port": TEXT, "path": {"type": "string", "pattern": "^/"}},
                        scheme={"enum": ["http", "https"]},
                        interval=DURATION,
                        scrapeTimeout=DURATION,
                        authorization=fields(
                            {"type": {"const": "Bearer"}, "credentials": fields({"name": TEXT, "key": TEXT})}
                        ),
                    )
                ),
            },
            jobLabel=TEXT,
        ),
    ),
    "PrometheusRule": resource(
        "PrometheusRule",
        fields(
            {
                "groups": some(
                    fields(
                        {
                            "name": TEXT,
                            "rules": some(
                                fields(
                                    {"alert": TEXT, "expr": TEXT, "labels": TEXTS, "annotations": TEXTS},
                                    **{"for": DURATION},
                                )
                            ),
                        }
                    )
                )
            }
        ),
    ),
}


def validate(item):
    jsonschema.validate(item, SCHEMAS[item["kind"]], jsonschema.Draft202012Validator)
