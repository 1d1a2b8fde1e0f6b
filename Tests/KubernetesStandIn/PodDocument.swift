import FoundationEssentials
import KubernetesClient

/// How far a Pod has come, from which its whole status follows.
struct PodProgress: Sendable {
    enum Container: Sendable {
        case waiting(reason: String, message: String?)
        case running(since: String)
        case terminated(Termination)
    }

    struct Termination: Sendable {
        var exitCode: Int
        var reason: String
        var message: String?
        var startedAt: String
        var finishedAt: String
    }

    /// The init containers' names; these are ready once they have succeeded, others while they run.
    var initNames: Set<String> = []
    /// Why no node was found.
    var unschedulable: String?
    var isScheduled = false
    /// Whether the node has taken the Pod; before that no container has a status.
    var isAccepted = false
    var containers: [String: Container] = [:]
    /// Whether the node has drawn the conclusion from the ends of the containers.
    var isSettled = false
    var eviction: String?
}

/// A Pod of a Job, shaped like those that were recorded.
enum PodDocument {
    static func new(for job: JSONValue, name: String) -> JSONValue {
        let jobName = job["metadata"]?["name"] ?? ""
        var metadata: JSONValue = [
            "name": .string(name), "generateName": .string("\(jobName.string ?? "")-"),
            "namespace": job["metadata"]?["namespace"] ?? "", "uid": .string(newUID()), "generation": 1,
            "creationTimestamp": .string(timestamp()),
        ]
        let template = job["spec"]?["template"]
        metadata["labels"] = template?["metadata"]?["labels"]
        metadata["annotations"] = template?["metadata"]?["annotations"]
        metadata["ownerReferences"] = [
            [
                "apiVersion": "batch/v1", "kind": "Job", "name": jobName, "uid": job["metadata"]?["uid"] ?? "",
                "controller": true, "blockOwnerDeletion": true,
            ]
        ]
        metadata["finalizers"] = [.string(jobTrackingFinalizer)]
        var spec = template?["spec"] ?? [:]
        spec["tolerations"] = .array(
            ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map {
                ["key": .string($0), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300]
            })
        spec["priority"] = 0
        spec["preemptionPolicy"] = "PreemptLowerPriority"
        return [
            "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec,
            "status": ["phase": "Pending", "qosClass": "Burstable"],
        ]
    }

    static func initContainers(of pod: JSONValue) -> [String] { names(pod["spec"]?["initContainers"]) }
    static func mainContainers(of pod: JSONValue) -> [String] { names(pod["spec"]?["containers"]) }

    static func image(of container: String, in pod: JSONValue) -> String {
        let all = ["initContainers", "containers"].flatMap { pod["spec"]?[$0]?.array ?? [] }
        return all.first { $0["name"]?.string == container }?["image"]?.string ?? ""
    }

    private static func names(_ containers: JSONValue?) -> [String] {
        (containers?.array ?? []).compactMap { $0["name"]?.string }
    }

    static func status(of pod: JSONValue, at progress: PodProgress) -> JSONValue {
        let initNames = initContainers(of: pod)
        let mainNames = mainContainers(of: pod)
        let started = pod["status"]?["startTime"]?.string ?? timestamp()
        let phase = phase(progress, initNames: initNames, mainNames: mainNames)
        var status: JSONValue = progress.isAccepted ? ["observedGeneration": 1] : [:]
        status["phase"] = .string(phase)
        status["conditions"] = conditions(progress, phase: phase, initNames: initNames, mainNames: mainNames, pod: pod)
        if let eviction = progress.eviction {
            status["message"] = .string(eviction)
            status["reason"] = "Evicted"
        }
        if progress.isAccepted {
            status["hostIP"] = "192.0.2.10"
            status["hostIPs"] = [["ip": "192.0.2.10"]]
            status["startTime"] = .string(started)
            for (field, list) in [("initContainerStatuses", "initContainers"), ("containerStatuses", "containers")] {
                status[field] = .array((pod["spec"]?[list]?.array ?? []).map { containerStatus($0, progress) })
            }
        }
        status["qosClass"] = "Burstable"
        return status
    }

    static func phase(_ progress: PodProgress, initNames: [String], mainNames: [String]) -> String {
        if progress.isSettled {
            let hasFailed =
                progress.eviction != nil
                || (initNames + mainNames).contains { (progress.exitCode($0) ?? 0) != 0 }
            return hasFailed ? "Failed" : "Succeeded"
        }
        let hasStarted = mainNames.contains { progress.isRunning($0) || progress.exitCode($0) != nil }
        return hasStarted ? "Running" : "Pending"
    }

    private static func conditions(
        _ progress: PodProgress, phase: String, initNames: [String], mainNames: [String], pod: JSONValue
    ) -> JSONValue? {
        func condition(_ type: String, _ holds: Bool, _ reason: String? = nil, _ message: String? = nil) -> JSONValue {
            let old = pod["status"]?["conditions"]?.array?.first { $0["type"]?.string == type }
            let status: JSONValue = holds ? "True" : "False"
            var condition: JSONValue = [
                "type": .string(type), "observedGeneration": 1, "status": status, "lastProbeTime": .null,
                "lastTransitionTime": old?["status"] == status
                    ? old?["lastTransitionTime"] ?? .null : .string(timestamp()),
            ]
            if let reason { condition["reason"] = .string(reason) }
            if let message { condition["message"] = .string(message) }
            return condition
        }

        guard progress.isAccepted else {
            if let reason = progress.unschedulable {
                return [condition("PodScheduled", false, "Unschedulable", reason)]
            }
            return progress.isScheduled ? [condition("PodScheduled", true)] : nil
        }
        let all = initNames + mainNames
        let isInitialized = initNames.allSatisfy { progress.exitCode($0) == 0 }
        let isReady = mainNames.allSatisfy(progress.isRunning)
        let isOver = phase == "Succeeded" || phase == "Failed"
        let unready: (reason: String?, message: String?) =
            switch phase {
            case "Succeeded": ("PodCompleted", nil)
            case "Failed": ("PodFailed", nil)
            default:
                isReady
                    ? (nil, nil)
                    : ("ContainersNotReady", "containers with unready status: [\(mainNames.joined(separator: " "))]")
            }
        let hasSandbox = !isOver && all.contains { progress.isRunning($0) || progress.exitCode($0) != nil }
        let waitingFor = initNames.filter { progress.exitCode($0) != 0 }.joined(separator: " ")
        let uninitialized = "containers with incomplete status: [\(waitingFor)]"
        return [
            condition("PodReadyToStartContainers", hasSandbox),
            isInitialized
                ? condition("Initialized", true, phase == "Succeeded" ? "PodCompleted" : nil)
                : condition("Initialized", false, "ContainersNotInitialized", uninitialized),
            condition("Ready", isReady && !isOver, unready.reason, unready.message),
            condition("ContainersReady", isReady && !isOver, unready.reason, unready.message),
            condition("PodScheduled", true),
        ]
    }

    private static func containerStatus(_ container: JSONValue, _ progress: PodProgress) -> JSONValue {
        let name = container["name"]?.string ?? ""
        var isReady = false
        var isStarted = false
        let state: JSONValue
        switch progress.containers[name] {
        case .running(let since):
            state = ["running": ["startedAt": .string(since)]]
            isStarted = true
            isReady = progress.isReady(name)
        case .terminated(let end):
            var terminated: JSONValue = ["exitCode": .number(JSONNumber(end.exitCode)), "reason": .string(end.reason)]
            if let message = end.message { terminated["message"] = .string(message) }
            terminated["startedAt"] = .string(end.startedAt)
            terminated["finishedAt"] = .string(end.finishedAt)
            terminated["containerID"] = .string("containerd://\(name)")
            state = ["terminated": terminated]
            isReady = progress.isReady(name)
        case .waiting(let reason, let message):
            var waiting: JSONValue = ["reason": .string(reason)]
            if let message { waiting["message"] = .string(message) }
            state = ["waiting": waiting]
        case nil:
            state = ["waiting": ["reason": "PodInitializing"]]
        }
        return [
            "name": .string(name), "state": state, "lastState": [:], "ready": .bool(isReady), "restartCount": 0,
            "image": container["image"] ?? "", "imageID": "", "started": .bool(isStarted),
        ]
    }
}

let jobTrackingFinalizer = "batch.kubernetes.io/job-tracking"

extension PodProgress {
    func isRunning(_ name: String) -> Bool {
        guard case .running = containers[name] else { return false }
        return true
    }

    func exitCode(_ name: String) -> Int? {
        guard case .terminated(let end) = containers[name] else { return nil }
        return end.exitCode
    }

    /// A running container is ready, except that an init container is once it has succeeded.
    func isReady(_ name: String) -> Bool {
        exitCode(name).map { $0 == 0 && initNames.contains(name) } ?? (isRunning(name) && !initNames.contains(name))
    }
}
