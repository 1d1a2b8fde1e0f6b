import FoundationEssentials
import KubernetesClient

/// A Job as it is posted becomes a Job as it is stored: identity, labels and defaults added.
enum JobDocument {
    static func stored(_ posted: JSONValue, name: String, namespace: String) -> JSONValue {
        let uid = newUID()
        let spec = posted["spec"] ?? [:]
        var metadata: JSONValue = [
            "name": .string(name), "namespace": .string(namespace), "uid": .string(uid), "generation": 1,
            "creationTimestamp": .string(timestamp()),
        ]
        for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
            if let value = posted["metadata"]?[field] { metadata[field] = value }
        }

        var template = spec["template"] ?? [:]
        var labels = template["metadata"]?["labels"] ?? [:]
        for (label, value) in [
            ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name),
            ("controller-uid", uid), ("job-name", name),
        ] { labels[label] = .string(value) }
        var templateMetadata = template["metadata"] ?? [:]
        templateMetadata["labels"] = labels
        template["metadata"] = templateMetadata
        template["spec"] = podSpec(template["spec"] ?? [:])

        var result: JSONValue = ["parallelism": 1, "completions": 1]
        result["activeDeadlineSeconds"] = spec["activeDeadlineSeconds"]
        result["backoffLimit"] = spec["backoffLimit"] ?? 6
        result["selector"] = ["matchLabels": ["batch.kubernetes.io/controller-uid": .string(uid)]]
        result["manualSelector"] = false
        result["template"] = template
        result["ttlSecondsAfterFinished"] = spec["ttlSecondsAfterFinished"]
        result["completionMode"] = "NonIndexed"
        result["suspend"] = spec["suspend"] ?? false
        result["podReplacementPolicy"] = "TerminatingOrFailed"
        return [
            "kind": "Job", "apiVersion": "batch/v1", "metadata": metadata, "spec": result, "status": [:],
        ]
    }

    private static func podSpec(_ posted: JSONValue) -> JSONValue {
        var spec = posted
        if let volumes = posted["volumes"]?.array {
            spec["volumes"] = .array(volumes.map(volume))
        }
        for list in ["initContainers", "containers"] {
            if let containers = posted[list]?.array { spec[list] = .array(containers.map(container)) }
        }
        spec.setDefault("restartPolicy", "Never")
        spec.setDefault("terminationGracePeriodSeconds", 30)
        spec.setDefault("dnsPolicy", "ClusterFirst")
        if let account = posted["serviceAccountName"] { spec["serviceAccount"] = account }
        spec.setDefault("securityContext", [:])
        spec.setDefault("schedulerName", "default-scheduler")
        return spec
    }

    private static func container(_ posted: JSONValue) -> JSONValue {
        var container = posted
        container.setDefault("resources", [:])
        container.setDefault("terminationMessagePath", "/dev/termination-log")
        container.setDefault("terminationMessagePolicy", "File")
        let image = posted["image"]?.string ?? ""
        let isLatest = image.hasSuffix(":latest") || !(image.split(separator: "/").last ?? "").contains(":")
        container.setDefault("imagePullPolicy", isLatest ? "Always" : "IfNotPresent")
        return container
    }

    private static func volume(_ posted: JSONValue) -> JSONValue {
        var volume = posted
        for source in ["secret", "configMap"] where posted[source]?.object != nil {
            volume[source]?.setDefault("defaultMode", 420)
        }
        return volume
    }
}

/// What the API server finds wrong with a Job, and what it warns of.
enum JobValidation {
    /// - Throws: the refusal for the first kind of problem that is found.
    static func check(_ stored: JSONValue, name: String) throws(Refusal) {
        guard isDNSSubdomain(name) else {
            throw invalid(
                name, "metadata.name",
                "Invalid value: \"\(name)\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                    + "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
                    + "'example.com', regex used for validation is "
                    + #"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#)
        }
        for (field, labels) in [
            ("metadata.labels", stored["metadata"]?["labels"]),
            ("spec.template.labels", stored["spec"]?["template"]?["metadata"]?["labels"]),
        ] {
            for (_, value) in labels?.object?.members ?? [] {
                let text = value.string ?? ""
                if text.utf8.count > 63 {
                    // The name is in two labels of the Pods, under its new and its old key.
                    throw Refusal.invalid(
                        name, .jobs,
                        Array(
                            repeating: (
                                "FieldValueInvalid", field,
                                "Invalid value: \"\(text)\": must be no more than 63 bytes"
                            ), count: text == name ? 2 : 1))
                }
                guard isLabelValue(text) else {
                    throw invalid(
                        name, field,
                        "Invalid value: \"\(text)\": a valid label must be an empty string or consist of alphanumeric "
                            + "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
                            + "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
                            + "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
                }
            }
        }
        let policy = stored["spec"]?["template"]?["spec"]?["restartPolicy"]?.string
        guard policy == "Never" || policy == "OnFailure" else {
            throw Refusal.invalid(
                name, .jobs,
                [
                    (
                        "FieldValueRequired", "spec.template.spec.restartPolicy",
                        "Required value: valid values: \"OnFailure\", \"Never\""
                    )
                ])
        }
    }

    private static func invalid(_ name: String, _ field: String, _ message: String) -> Refusal {
        Refusal.invalid(name, .jobs, [("FieldValueInvalid", field, message)])
    }

    static func isDNSSubdomain(_ name: String) -> Bool {
        name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
                    }
            }
    }

    private static func isLabelValue(_ text: String) -> Bool {
        text.isEmpty
            || text.utf8.allSatisfy {
                isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E
            } && isAlphanumeric(text.utf8.first ?? 0) && isAlphanumeric(text.utf8.last ?? 0)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// Paths of fields that a Job does not have, as far down as containers.
    static func unknownFields(_ job: JSONValue) -> [String] {
        var unknown = surplus(job, ["apiVersion", "kind", "metadata", "spec", "status"], "")
        unknown += surplus(job["metadata"], metadataFields, "metadata.")
        unknown += surplus(job["spec"], jobFields, "spec.")
        let template = job["spec"]?["template"]
        unknown += surplus(template, ["metadata", "spec"], "spec.template.")
        unknown += surplus(template?["metadata"], metadataFields, "spec.template.metadata.")
        unknown += surplus(template?["spec"], podFields, "spec.template.spec.")
        for list in ["initContainers", "containers"] {
            for (position, container) in (template?["spec"]?[list]?.array ?? []).enumerated() {
                unknown += surplus(container, containerFields, "spec.template.spec.\(list)[\(position)].")
            }
        }
        return unknown
    }

    private static func surplus(_ value: JSONValue?, _ known: Set<String>, _ prefix: String) -> [String] {
        (value?.object?.names ?? []).filter { !known.contains($0) }.map { prefix + $0 }
    }

    private static let metadataFields: Set = [
        "annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
        "generateName",
        "generation", "labels", "managedFields", "name", "namespace", "ownerReferences", "resourceVersion", "selfLink",
        "uid",
    ]
    private static let jobFields: Set = [
        "activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "completionMode", "completions", "managedBy",
        "manualSelector", "maxFailedIndexes", "parallelism", "podFailurePolicy", "podReplacementPolicy", "selector",
        "successPolicy", "suspend", "template", "ttlSecondsAfterFinished",
    ]
    private static let podFields: Set = [
        "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy",
        "enableServiceLinks", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname",
        "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os", "overhead", "preemptionPolicy",
        "priority",
        "priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName",
        "schedulerName", "schedulingGates", "securityContext", "serviceAccount", "serviceAccountName",
        "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "tolerations",
        "topologySpreadConstraints", "volumes",
    ]
    private static let containerFields: Set = [
        "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports",
        "readinessProbe", "resizePolicy", "resources", "restartPolicy", "securityContext", "startupProbe", "stdin",
        "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts",
        "workingDir",
    ]
}

extension JSONValue {
    mutating func setDefault(_ name: String, _ value: JSONValue) {
        if self[name] == nil { self[name] = value }
    }
}

func newUID() -> String { UUID().uuidString.lowercased() }

/// Now, or so many seconds from now, as objects carry it.
func timestamp(in seconds: Int = 0) -> String {
    Timestamp(Date(timeIntervalSinceNow: Double(seconds))).description
}
