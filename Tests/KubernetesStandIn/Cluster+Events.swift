import FoundationEssentials
import KubernetesClient

/// What a part of the cluster has to say about an object.
struct ReportedEvent: Sendable {
    enum Reporter: String, Sendable {
        case jobController = "job-controller"
        case scheduler = "default-scheduler"
        case kubelet
    }

    var reason: String
    var message: String
    var reporter: Reporter
    var isWarning: Bool

    init(_ reason: String, _ message: String, by reporter: Reporter, isWarning: Bool = true) {
        self.reason = reason
        self.message = message
        self.reporter = reporter
        self.isWarning = isWarning
    }

    static func unschedulable(_ message: String) -> ReportedEvent {
        ReportedEvent("FailedScheduling", message, by: .scheduler)
    }

    static func scheduled(_ pod: Store.Key) -> ReportedEvent {
        ReportedEvent(
            "Scheduled", "Successfully assigned \(pod.namespace)/\(pod.name) to node-1", by: .scheduler,
            isWarning: false)
    }

    static func mountFailed(_ name: String, of pod: JSONValue) -> ReportedEvent {
        let volume = (pod["spec"]?["volumes"]?.array ?? []).first { $0["name"]?.string == name }
        let source =
            volume?["configMap"].map { "configmap \"\($0["name"]?.string ?? "")\"" }
            ?? "secret \"\(volume?["secret"]?["secretName"]?.string ?? "")\""
        return ReportedEvent(
            "FailedMount", "MountVolume.SetUp failed for volume \"\(name)\" : \(source) not found", by: .kubelet)
    }

    /// What the kubelet says about a container that cannot start.
    static func stuck(image: String, _ reason: String, _ message: String?) -> [ReportedEvent] {
        switch reason {
        case "ErrImagePull":
            [
                ReportedEvent("Failed", "Failed to pull image \"\(image)\": \(message ?? "")", by: .kubelet),
                ReportedEvent("Failed", "Error: ErrImagePull", by: .kubelet),
            ]
        case "ImagePullBackOff":
            [
                ReportedEvent("BackOff", "Back-off pulling image \"\(image)\"", by: .kubelet, isWarning: false),
                ReportedEvent("Failed", "Error: ImagePullBackOff", by: .kubelet),
            ]
        default: [ReportedEvent("Failed", "Error: \(message ?? reason)", by: .kubelet)]
        }
    }
}

extension Cluster {
    /// Stores an Event; of one that repeats the count goes up.
    func report(_ event: ReportedEvent, about key: Store.Key) {
        store.change { store in
            guard let object = store.object(key) else { return }
            let uid = object["metadata"]?["uid"]
            let same = store.objects(.events, in: key.namespace).first { old in
                old.object["involvedObject"]?["uid"] == uid && old.object["message"]?.string == event.message
                    && old.object["reason"]?.string == event.reason
            }
            if let same {
                store.update(same.key) { old in
                    old["count"] = .number(JSONNumber((old["count"]?.int ?? 1) + 1))
                    old["lastTimestamp"] = .string(timestamp())
                }
            } else {
                // Names end in the time, so that a list is in order; the version is as good.
                let name = "\(key.name).\(String(0x18ea_0000_0000_0000 + store.version, radix: 16))"
                let document = Self.document(event, name: name, about: key, object)
                store.put(document, at: Store.Key(kind: .events, namespace: key.namespace, name: name))
            }
        }
    }

    private static func document(
        _ event: ReportedEvent, name: String, about key: Store.Key, _ object: JSONValue
    ) -> JSONValue {
        let now = JSONValue.string(timestamp())
        let reporter = JSONValue.string(event.reporter.rawValue)
        var document: JSONValue = [
            "kind": "Event", "apiVersion": "v1",
            "metadata": [
                "name": .string(name), "namespace": .string(key.namespace), "uid": .string(newUID()),
                "creationTimestamp": now,
            ],
            "involvedObject": [
                "kind": .string(key.kind.kind), "namespace": .string(key.namespace), "name": .string(key.name),
                "uid": object["metadata"]?["uid"] ?? "", "apiVersion": .string(key.kind.apiVersion),
                "resourceVersion": object["metadata"]?["resourceVersion"] ?? "",
            ],
            "reason": .string(event.reason), "message": .string(event.message), "source": ["component": reporter],
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": event.isWarning ? "Warning" : "Normal",
            "eventTime": .null, "reportingComponent": reporter, "reportingInstance": "",
        ]
        switch event.reporter {
        case .jobController: break
        case .kubelet:
            document["source"]?["host"] = "node-1"
            document["reportingInstance"] = "node-1"
        case .scheduler:
            // The scheduler uses the newer interface for events, whose times and counts are elsewhere.
            for field in ["firstTimestamp", "lastTimestamp"] { document[field] = .null }
            document["count"] = nil
            document["source"] = [:]
            document["eventTime"] = .string(MicroTime(Date()).description)
            document["action"] = event.isWarning ? "Scheduling" : "Binding"
            document["reportingInstance"] = .string("\(event.reporter.rawValue)-node-1")
        }
        return document
    }
}
