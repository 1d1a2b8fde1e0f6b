import Builds
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import OCIDistribution
import SemanticVersions

/// Asks a running service.
struct RemoteCore: Core {
    let client: ServiceClient
    /// How often a stream of events that breaks off is taken up again without any event, and until when.
    private static let mostBreaks = 12
    private static let longestFollowed: Duration = .seconds(7200)

    func tags(
        of webapp: WebappName, range: VersionRange?, prereleases: Bool, limit: Int?
    ) async throws -> Answer<TagsDocument> {
        var request = ServiceRequest("tags", "\(webapp)", asksAnew: true)
        request.query = [
            ("range", range?.description), ("prereleases", prereleases ? "true" : nil),
            ("limit", limit.map(String.init)),
        ]
        return try await client.answer(request)
    }

    func image(of webapp: WebappName, tag: Tag) async throws -> Answer<ImageDocument> {
        try await client.answer(ServiceRequest("tags", "\(webapp)", "\(tag)"))
    }

    func next(of webapp: WebappName, _ selection: BuildRequest.Selection) async throws -> Answer<NextDocument> {
        var request = ServiceRequest("next", "\(webapp)", asksAnew: true)
        let choice = RequestDocument(selection)
        if case .bump = selection {
            request.query = [
                ("bump", choice.bump), ("prereleaseId", choice.prereleaseId), ("range", choice.range),
            ]
        } else {
            request.method = .post
            request.body = try choice.bytes
        }
        return try await client.answer(request)
    }

    func start(_ wanted: BuildRequest) async throws -> Answer<StartDocument> {
        var request = ServiceRequest("builds")
        request.method = .post
        request.body = try RequestDocument(wanted).bytes
        request.idempotencyKey = wanted.idempotencyKey
        return try await client.answer(request)
    }

    func retry(_ id: BuildID, idempotencyKey: String?) async throws -> Answer<StartDocument> {
        var request = ServiceRequest("builds", "\(id)", "retry")
        request.method = .post
        request.idempotencyKey = idempotencyKey
        return try await client.answer(request)
    }

    func builds(of webapp: WebappName?, status: Build.Status?) async throws -> Answer<BuildsDocument> {
        var request = ServiceRequest("builds")
        request.query = [("webapp", webapp?.description), ("status", status?.rawValue)]
        return try await client.answer(request)
    }

    /// A stream that breaks off, because a replica of the service ends or the network does, is taken up again.
    func follow(_ id: BuildID, _ show: (Answer<BuildDocument>) throws -> Void) async throws {
        var request = ServiceRequest("builds", "\(id)", "events")
        request.limits = .events
        let start = ContinuousClock.now
        var breaks = 0
        while true {
            var end: any Error = ServiceError("\(client.summary(of: request)): the events end before the build does")
            do {
                let answer = try await client.send(request, expecting: "text/event-stream")
                var events = ServerSentEvents()
                for try await chunk in answer.body {
                    for data in try events.read(chunk) {
                        let build: Answer<BuildDocument> = try client.document(data, of: request)
                        try show(build)
                        if build.content.done { return }
                        breaks = 0
                    }
                }
            } catch let error as TransportError where error.isTransient {
                end = error
            } catch let error as ServiceError where error.isTransient {
                end = error
            }
            breaks += 1
            guard breaks <= Self.mostBreaks, ContinuousClock.now - start < Self.longestFollowed else { throw end }
            try await Task.sleep(for: min(.milliseconds(250 << breaks), .seconds(10)))
        }
    }

    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog {
        var request = ServiceRequest("builds", "\(id)", "logs")
        if extent == .following {
            request.query = [("follow", "true")]
            request.limits = .log
        }
        let body = try await client.send(request, expecting: "text/plain").body
        return BuildLog {
            // The log asks for one chunk after the other.
            nonisolated(unsafe) var chunks = body.makeAsyncIterator()
            return { try await chunks.next() }
        }
    }

    func cancel(_ id: BuildID) async throws -> Answer<BuildDocument> {
        var request = ServiceRequest("builds", "\(id)")
        request.method = .delete
        do {
            return try await client.answer(request)
        } catch let error as ServiceError where error.code == "build_finished" {
            return try await client.answer(ServiceRequest("builds", "\(id)"))
        }
    }
}

/// The body of `POST /builds` and of `POST /next/{webapp}`.
private struct RequestDocument: Encodable {
    struct Git: Encodable {
        var url: String?
        var ref: String?
        var commit: String?
        var subdirectory: String?
    }

    var webapp: String?
    var version: String?
    var bump: String?
    var prereleaseId: String?
    var range: String?
    var commits: [String]?
    var git: Git?
    var platforms: [String]?

    init(_ selection: BuildRequest.Selection) {
        switch selection {
        case .version(let version): self.version = version.tag
        case .bump(let bump, let prereleaseIdentifier, let range):
            self.bump = bump.rawValue
            prereleaseId = prereleaseIdentifier
            self.range = range?.description
        case .commits(let messages, let bump, let range):
            commits = messages
            self.bump = bump?.rawValue
            self.range = range?.description
        }
    }

    init(_ request: BuildRequest) {
        self.init(request.selection)
        webapp = request.webapp.description
        git = Git(
            url: request.gitURL, ref: request.gitRef, commit: request.gitCommit, subdirectory: request.gitSubdirectory)
        platforms = request.platforms.map(\.description)
    }

    var bytes: [UInt8] { get throws { Array(try JSONEncoder().encode(self)) } }
}
