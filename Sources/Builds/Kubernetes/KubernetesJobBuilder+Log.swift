internal import KubernetesClient

extension KubernetesJobBuilder {
    /// See ``Builder/log(of:_:)``.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/logUnavailable`` once the Pod is gone, and its log with it.
    public func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? {
        guard let found = try await find(id) else { return nil }
        let pod = try await pod(of: found)
        guard let pod else {
            if found.job.outcome != nil || found.job.metadata.isBeingDeleted || found.recorded != nil {
                let build = try await observed(found)
                throw BuildsError(
                    .logUnavailable,
                    "the log of \(id) is gone with its Pod; what is known is: \(build.status.rawValue), \(build.message)"
                )
            }
            guard extent == .following else { return BuildLog { { nil } } }
            return BuildLog { [self] in reader(of: found, nil, extent) }
        }
        return BuildLog { [self] in reader(of: found, pod, extent) }
    }

    private func reader(
        of found: JobBuild, _ pod: Pod?, _ extent: LogExtent
    ) -> @Sendable () async throws -> [UInt8]? {
        let reader = JobLogReader(builder: self, found: found, pod: pod, follows: extent == .following)
        return { try await reader.next() }
    }
}
