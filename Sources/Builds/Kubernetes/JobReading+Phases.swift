internal import FoundationEssentials
internal import KubernetesClient

extension JobReading {
    /// When a build came to each phase.
    ///
    /// - Parameter pushingSince: By this process's clock; a push belongs to the time in which the build's container ran.
    static func phaseStarts(_ job: Job, _ pod: Pod?, pushingSince: Date?) -> [Build.Phase: Date] {
        var starts: [Build.Phase: Date] = [:]
        let clone = pod?.container(named: JobKeys.Container.clone) ?? pod?.status.initContainerStatuses.first
        let build = pod?.container(named: JobKeys.Container.build) ?? pod?.status.containerStatuses.first
        starts[.cloning] = clone?.start
        starts[.building] = build?.start ?? clone.flatMap { $0.state?.terminated?.exitCode == 0 ? $0.end : nil }
        let end = build?.end
        if let pushingSince { starts[.pushing] = end.map { min($0, pushingSince) } ?? pushingSince }
        if build?.state?.terminated?.exitCode == 0 { starts[.verifying] = end }
        if starts[.verifying] == nil, job.outcome == .complete { starts[.verifying] = job.finishedAt?.date }
        return starts
    }
}

extension Pod.ContainerStatus {
    fileprivate var start: Date? { (state?.running?.startedAt ?? state?.terminated?.startedAt)?.date }
    fileprivate var end: Date? { state?.terminated?.finishedAt?.date }
}
