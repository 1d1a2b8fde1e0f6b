internal import FoundationEssentials
internal import KubernetesClient
internal import OCIDistribution

/// What is written onto a Job of how its build fares, because its Pod and its log will be gone.
extension JobBuild {
    typealias Annotation = JobKeys.Annotation

    /// The build as it ended, if that was recorded: complete, whatever has become of the Pod.
    static func recorded(on job: Job, _ promised: Build) -> Build? {
        let notes = job.metadata.annotations
        guard let status = notes[Annotation.status].flatMap(Build.Status.init), status.isFinal else { return nil }
        var build = promised
        build.isHeldBack = false
        build.status = status
        build.message = notes[Annotation.message] ?? "it has ended; its message was lost"
        build.digest = notes[Annotation.digest].flatMap { try? Digest($0) }
        // Nobody but this service writes a success, and never without what the registry serves.
        guard status != .succeeded || build.digest != nil else { return nil }
        build.git.commit = notes[Annotation.commit] ?? build.git.commit
        build.startedAt = notes[Annotation.startedAt].flatMap(Timestamp.init)?.date
        build.finishedAt = notes[Annotation.finishedAt].flatMap(Timestamp.init)?.date ?? job.finishedAt?.date
        build.phaseStarts = phases(on: job)
        return build
    }

    /// The annotations that record how a build ended.
    static func record(of build: Build) -> [String: String] {
        var notes = [Annotation.status: build.status.rawValue, Annotation.message: build.message]
        notes[Annotation.digest] = build.digest?.description
        notes[Annotation.commit] = build.git.commit
        notes[Annotation.startedAt] = build.startedAt.map { MicroTime($0).description }
        notes[Annotation.finishedAt] = build.finishedAt.map { MicroTime($0).description }
        notes[Annotation.phases] = annotation(of: build.phaseStarts)
        return notes
    }

    // MARK: Phases

    /// When a build came to its phases, as far as that was recorded; what somebody edited is passed over.
    static func phases(on job: Job) -> [Build.Phase: Date] {
        guard let note = job.metadata.annotations[Annotation.phases],
            let times = try? JSONDecoder().decode([String: MicroTime].self, from: Data(note.utf8))
        else { return [:] }
        return Dictionary(named: times.mapValues(\.date))
    }

    /// What ``phases(on:)`` reads; `nil` where nothing is known.
    static func annotation(of phaseStarts: [Build.Phase: Date]) -> String? {
        guard !phaseStarts.isEmpty else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let times = phaseStarts.named.mapValues { MicroTime($0) }
        return (try? encoder.encode(times)).map { String(decoding: $0, as: UTF8.self) }
    }
}
