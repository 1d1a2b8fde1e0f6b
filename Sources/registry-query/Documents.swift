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

    var id: String
    var tag: String
    var image: String
    var status: String
    var phase: String?
    var done: Bool
    var message: String
    var digest: String?
    var git: Git
    var startedAt: String?
    var durationSeconds: Double?

    /// How far it is, in one word.
    var stage: String { phase ?? status }
    /// How long it has taken; `nil` also for a number that no build takes.
    var duration: Duration? {
        durationSeconds.flatMap { seconds in
            (0...1e9).contains(seconds) ? .milliseconds(Int64((seconds * 1000).rounded())) : nil
        }
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
