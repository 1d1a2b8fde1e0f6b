internal import FoundationEssentials
internal import HTTPTransport
internal import KubernetesClient

/// What keeps a Pod from starting or going on, in words that name the fix.
///
/// Nothing but the Job's deadline ends any of it.
struct JobTrouble: CustomStringConvertible {
    let description: String

    /// Whether two descriptions tell of the same trouble: ErrImagePull and ImagePullBackOff take turns.
    static func isSame(_ one: String, _ other: String) -> Bool {
        one == other || one.contains("cannot be pulled") && other.contains("cannot be pulled")
    }

    /// `nil` if nothing does.
    init?(_ pod: Pod, now: Date) {
        if let scheduled = pod.status.conditions.first(where: { $0.type == "PodScheduled" }),
            scheduled.status == "False"
        {
            description =
                "no node fits: \(redacted(scheduled.message ?? scheduled.reason ?? "unknown reason", limit: 300)) "
                + "(check the nodes, or resources and nodeSelector in the Job template)"
            return
        }
        for container in pod.status.initContainerStatuses + pod.status.containerStatuses {
            guard let waiting = container.state?.waiting, let reason = waiting.reason else { continue }
            let said = redacted(waiting.message ?? reason, limit: 300)
            let image = container.image.map { " (\($0))" } ?? ""
            switch reason {
            case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
                "RegistryUnavailable":
                description =
                    "the image of the container \(container.name)\(image) cannot be pulled: \(said) "
                    + "(check its name in the Job template, and the node's access to its registry)"
                return
            case "CreateContainerConfigError":
                description =
                    "the container \(container.name) cannot be configured: \(said) "
                    + "(make what is missing, or change the Job template)"
                return
            case "CreateContainerError", "RunContainerError", "StartError":
                description = "the container \(container.name) cannot be started: \(said)"
                return
            default: continue
            }
        }
        // A missing Secret or ConfigMap of a volume looks like a slow start, and only an Event names it.
        guard !pod.hasBegun, let start = pod.status.startTime, now.timeIntervalSince(start.date) > 30 else {
            return nil
        }
        description =
            "its Pod has not started since \(start): a Secret or ConfigMap that it mounts may be missing (check that the Secret "
            + "registry-credentials exists; kubectl describe pod \(pod.metadata.name) names it), or an image is pulled slowly"
    }
}
