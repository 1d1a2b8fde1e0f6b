import SemanticVersions

// What people are shown of the documents of the HTTP interface.

/// `GET /tags/{webapp}`.
struct TagsDocument: Decodable, Sendable {
    var repository: String
    var latest: String?
    var count: Int
    var tags: [String]
}

/// `GET /tags/{webapp}/{tag}`.
struct ImageDocument: Decodable, Sendable {
    var image: String
    var digest: String
    var size: Int
    var platforms: [String]
    var createdAt: String?
    var revision: String?
    var source: String?
}

/// `GET /next/{webapp}` and `POST /next/{webapp}`.
struct NextDocument: Decodable, Sendable {
    /// `nil` when no release is needed.
    var next: VersionTag?

    private enum Key: CodingKey {
        case next, releaseNeeded
    }

    /// Says that no release is needed only where the document does: scripts go by it.
    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Key.self)
        guard try members.decode(Bool.self, forKey: .releaseNeeded) else { return }
        next = VersionTag(try members.decode(String.self, forKey: .next))
        if next == nil {
            throw DecodingError.dataCorruptedError(forKey: .next, in: members, debugDescription: "is no version")
        }
    }
}

/// A build.
struct BuildDocument: Decodable, Sendable {
    struct Git: Decodable, Sendable {
        var commit: String?
    }

    /// How many steps of the Dockerfile have begun.
    struct Progress: Decodable, Sendable, Equatable {
        var step: Int
        var steps: Int
        var instruction: String

        /// Whether the numbers can be what they are meant to be.
        var isUsable: Bool { step >= 1 && step <= steps && steps < 1_000_000 }
    }

    var id: String
    var tag: String
    var image: String
    var status: String
    var phase: String?
    var done: Bool
    var message: String
    var digest: String?
    var git: Git
    var createdAt: String?
    var durationSeconds: Double?
    /// Services of earlier versions do not tell, and neither do all builds.
    private var progress: Progress?
    private var usualDurationSeconds: Double?

    /// How far it is, in one word.
    var stage: String { phase ?? status }
    /// The step that began last; `nil` where there is none to speak of.
    var step: Progress? { progress.flatMap { $0.isUsable ? $0 : nil } }
    /// How long it has taken; `nil` also for a number that no build takes.
    var duration: Duration? { Self.duration(durationSeconds) }
    /// How long builds of the webapp take, where that is known.
    var usualDuration: Duration? { Self.duration(usualDurationSeconds) }

    private static func duration(_ seconds: Double?) -> Duration? {
        seconds.flatMap { (0...1e9).contains($0) ? .milliseconds(Int64(($0 * 1000).rounded())) : nil }
    }
}

/// `GET /builds`.
struct BuildsDocument: Decodable, Sendable {
    var builds: [BuildDocument]
}

/// `POST /builds`.
enum StartDocument: Decodable, Sendable {
    case build(BuildDocument)
    case releaseNotNeeded

    private enum Key: CodingKey {
        case releaseNeeded
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Key.self)
        if try members.decodeIfPresent(Bool.self, forKey: .releaseNeeded) == false {
            self = .releaseNotNeeded
        } else {
            self = .build(try BuildDocument(from: decoder))
        }
    }
}

/// `GET /healthz`.
struct HealthDocument: Decodable, Sendable {
    var status: String
}
