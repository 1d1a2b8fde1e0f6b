import FoundationEssentials

/// A request for a build, and what came of it.
struct DayAsk: Sendable, CustomStringConvertible {
    /// The idempotency key, and the last segment of the callback's path.
    var name: String
    var webapp: String
    /// How the receiver of the callback behaves; `nil` for a caller who wants none.
    var receiver: String?
    /// How the build ends.
    var end = "succeeded"
    /// What the caller was told.
    var build = JSON.null

    init(_ name: String, _ webapp: String, calling receiver: String? = nil, end: String = "succeeded") {
        self.name = name
        self.webapp = webapp
        self.receiver = receiver
        self.end = end
    }

    var path: String { "/\(receiver ?? "nobody")/\(name)" }
    var description: String { "the request \(name) for \(webapp)" }
}

/// A push, as GitHub tells of it.
struct DayPush: Sendable {
    var number: Int
    var webapps: [String]
    var pushedAt: Int
    var ref = "refs/heads/main"
    var isDeleted = false

    init(_ number: Int, _ webapps: [String], at time: Date) {
        self.number = number
        self.webapps = webapps
        pushedAt = Int(time.timeIntervalSince1970)
    }

    /// The commit that it ends in.
    var after: String { Self.commit(number) }

    private static func commit(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "c", count: 40 - digits.count) + digits
    }

    var body: String {
        let files = webapps.map { #""apps/\#($0)/index.html""# }.joined(separator: ", ")
        let commit =
            #"{"id": "\#(after)", "message": "fix: change \#(number)", "added": [], "removed": [], "modified": [\#(files)]}"#
        return """
            {"ref": "\(ref)", "before": "\(Self.commit(number - 1))", "after": "\(after)", "deleted": \(isDeleted), \
            "forced": false, "repository": {"full_name": "example/webapps", "pushed_at": \(pushedAt), \
            "clone_url": "https://git.example/example/webapps.git"}, "sender": {"login": "octocat"}, \
            "commits": [\(commit)], "head_commit": \(commit)}
            """
    }
}

/// Numbers that are the same for the same seed.
struct DayChance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// Spec: Knuth's linear congruential generator of 64 bits, its higher half.
    mutating func next() -> UInt64 {
        func half() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 32
        }
        return half() << 32 | half()
    }
}
