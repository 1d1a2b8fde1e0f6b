import Builds
import OCIDistribution
import RegistryQueryAPI
import SemanticVersions

/// Asks the registry and the builder that the settings lead to.
struct DirectCore: Core {
    let composition: Composition

    private var versions: VersionService { composition.versions }
    private var service: BuildService { composition.builds }

    func tags(
        of webapp: WebappName, range: VersionRange?, prereleases: Bool, limit: Int?
    ) async throws -> Answer<TagsDocument> {
        let answer = try await versions.tags(
            of: webapp, range: range, prereleases: prereleases ? .included : nil, limit: limit, freshness: .anew)
        return try Answer(JSONDocument(answer))
    }

    func image(of webapp: WebappName, tag: Tag) async throws -> Answer<ImageDocument> {
        let (image, details) = try await versions.image(of: webapp, tag: tag)
        return try Answer(JSONDocument(tag, image, details))
    }

    func next(of webapp: WebappName, _ selection: BuildRequest.Selection) async throws -> Answer<NextDocument> {
        let answer: NextAnswer
        switch selection {
        case .commits(let messages, let bump, let range):
            answer = try await versions.next(
                of: webapp, commits: messages, atLeast: bump, range: range, freshness: .anew)
        case .bump(let bump, let prereleaseIdentifier, let range):
            answer = try await versions.next(
                of: webapp, bump: bump, prereleaseIdentifier: prereleaseIdentifier, range: range, freshness: .anew)
        case .version(let version):
            throw InvalidInput(field: "version", "\(version) is chosen already; nothing comes next")
        }
        return try Answer(JSONDocument(answer))
    }

    func start(_ request: BuildRequest) async throws -> Answer<StartDocument> {
        switch try await service.start(request) {
        case .started(let build), .existing(let build): try Answer(JSONDocument(build))
        case .releaseNotNeeded(let current):
            try Answer(JSONDocument(releaseNotNeededOf: request.webapp, current: current))
        }
    }

    func retry(_ id: BuildID, idempotencyKey: String?) async throws -> Answer<StartDocument> {
        switch try await service.retry(id, requestedBy: nil, idempotencyKey: idempotencyKey) {
        case .started(let build), .existing(let build): return try Answer(JSONDocument(build))
        case .releaseNotNeeded: throw ServiceError("\(id): no commit was to decide, and yet none asks for a release")
        }
    }

    func builds(of webapp: WebappName?, status: Build.Status?) async throws -> Answer<BuildsDocument> {
        try Answer(JSONDocument(try await service.builds(of: webapp, status: status)))
    }

    /// Whoever has no service running has nobody else to look after local builds meanwhile.
    func follow(_ id: BuildID, _ show: (Answer<BuildDocument>) throws -> Void) async throws {
        let caretaker = Task { await service.run(as: .observer) }
        defer { caretaker.cancel() }
        // What earlier builds took is known once they have been looked at.
        _ = try? await service.builds(of: nil, status: nil)
        for try await state in service.changes(of: id) { try show(Answer(JSONDocument(state))) }
    }

    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog { try await service.log(of: id, extent) }

    func cancel(_ id: BuildID) async throws -> Answer<BuildDocument> {
        try Answer(JSONDocument(try await service.cancel(id)))
    }
}
