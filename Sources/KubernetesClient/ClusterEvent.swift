/// What a part of the cluster has to say about an object: an Event of the core API.
///
/// Some troubles are told nowhere else, such as a Pod that may not be made or a volume whose Secret is missing.
public struct ClusterEvent: Sendable, Hashable {
    /// `Normal` or `Warning`.
    public var type: String
    /// A word for programs, such as `FailedMount`.
    public var reason: String
    /// A sentence for people.
    public var message: String
    /// How often it happened.
    public var count: Int
    /// When it last happened.
    public var when: Timestamp

    /// Puts an event together.
    public init(type: String, reason: String, message: String, count: Int = 1, when: Timestamp) {
        self.type = type
        self.reason = reason
        self.message = message
        self.count = count
        self.when = when
    }
}

extension ClusterEvent: Decodable {
    private enum CodingKeys: String, CodingKey {
        case type
        case reason
        case message
        case count
        case lastTimestamp
        case eventTime
        case series
        case metadata
    }

    /// How those tell of repetitions who use the newer of the two interfaces for events, such as the scheduler.
    private struct Series: Decodable {
        var count: Int?
        var lastObservedTime: Timestamp?
    }

    private struct Metadata: Decodable {
        var creationTimestamp: Timestamp?
    }

    /// Decodes; texts that are absent or `null` are empty.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decodeIfPresent(String.self, forKey: .type) ?? ""
        reason = try container.decodeIfPresent(String.self, forKey: .reason) ?? ""
        message = try container.decodeIfPresent(String.self, forKey: .message) ?? ""
        let series = try container.decodeIfPresent(Series.self, forKey: .series)
        count = try series?.count ?? container.decodeIfPresent(Int.self, forKey: .count) ?? 1
        let when =
            try container.decodeIfPresent(Timestamp.self, forKey: .lastTimestamp) ?? series?.lastObservedTime
            ?? container.decodeIfPresent(Timestamp.self, forKey: .eventTime)
            ?? container.decode(Metadata.self, forKey: .metadata).creationTimestamp
        guard let when else {
            throw DecodingError.dataCorruptedError(
                forKey: .lastTimestamp, in: container, debugDescription: "an event without any time")
        }
        self.when = when
    }
}

extension KubernetesClient {
    /// Lists what the cluster says about an object, newest last.
    ///
    /// One page of 50 is all that is read: enough for an object with one trouble, and no more than that for one with many.
    /// Which of more than 50 are on it is up to the API server. Events are kept for an hour, as clusters usually are set
    /// up. Many accounts may not list them.
    /// - Parameter uid: the object's ``ObjectMeta/uid``.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/forbidden`` when the account may not list events.
    public func events(about uid: String) async throws -> [ClusterEvent] {
        let operation = operation("list", .events)
        // In a selector a comma would begin another condition.
        let isUID =
            (1...128).contains(uid.utf8.count)
            && uid.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2D
            }
        guard isUID else {
            throw KubernetesError(.invalid, operation, message: "this is no uid that an object can have")
        }
        let call = Call(
            operation: operation, path: path(.events),
            query: [("fieldSelector", "involvedObject.uid=\(uid)"), ("limit", "50")])
        let page = try decoded(
            EventPage.self, from: try await answer(to: call).body, of: operation, kind: "EventList")
        // Sorting keeps the order of those of one second.
        return (page.items ?? []).sorted { $0.when < $1.when }
    }
}

private struct EventPage: Decodable {
    var items: [ClusterEvent]?
}
