/// Tokens until shortly before they expire.
struct TokenCache: Sendable {
    /// What makes tokens different from each other.
    struct Key: Hashable, Sendable {
        var server: TokenServer
        var scope: TokenScope
        var credential: Credential?
    }

    private struct Entry {
        var value: String
        var end: Duration
    }

    /// How long before its end a token is no longer used: clocks differ, and requests take time.
    private static let margin = Duration.seconds(10)

    private let capacity: Int
    private var entries: [Key: Entry] = [:]

    init(capacity: Int = 1024) { self.capacity = capacity }

    /// The token that is valid at `now`.
    func token(for key: Key, at now: Duration) -> String? {
        entries[key].flatMap { now < $0.end ? $0.value : nil }
    }

    mutating func store(_ token: BearerToken, for key: Key, at now: Duration) {
        entries[key] = Entry(value: token.value, end: now + token.lifetime - Self.margin)
        guard entries.count > capacity else { return }
        entries = entries.filter { now < $0.value.end }
        guard entries.count > capacity, let first = entries.min(by: { $0.value.end < $1.value.end }) else { return }
        entries[first.key] = nil
    }

    /// Forgets a token that was refused, unless there is another one by now.
    mutating func drop(_ value: String, for key: Key) {
        if entries[key]?.value == value { entries[key] = nil }
    }
}
