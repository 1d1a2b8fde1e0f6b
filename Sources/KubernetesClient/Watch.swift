internal import FoundationEssentials
internal import HTTPTransport

/// Something that happened to an object.
public enum WatchEvent<Object: KubernetesObject>: Sendable {
    /// It was made, existed when the watch began, or now matches the selector.
    case added(Object)
    /// It was changed.
    case modified(Object)
    /// It is gone, or matches the selector no more; the object as it was last.
    case deleted(Object)
    /// Nothing happened up to this version: a watch that begins anew can go on from here.
    case bookmark(resourceVersion: String)

    /// The version to go on from after this event.
    public var resourceVersion: String? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object.metadata.resourceVersion
        case .bookmark(let resourceVersion): resourceVersion
        }
    }
}

/// How a watch is kept.
public struct WatchOptions: Sendable {
    /// The version after which events are wanted, from a listing or an earlier watch.
    public var resourceVersion: String
    /// Which objects.
    public var selector: LabelSelector?
    /// After how many seconds the API server ends the watch.
    ///
    /// Default 240.
    public var timeoutSeconds = 240
    /// The longest silence; the API server sends a bookmark about once a minute.
    ///
    /// Default 90 s.
    public var idle: Duration = .seconds(90)

    /// Watches from a version on.
    public init(from resourceVersion: String, selector: LabelSelector? = nil) {
        self.resourceVersion = resourceVersion
        self.selector = selector
    }
}

/// The events of a watch as they come, to be read once.
///
/// It ends when the API server ends it, which is normal: go on from the last event's version. It throws ``KubernetesError``: with
/// ``KubernetesError/Code/expired`` when the version is too old, which a new listing cures, and with a transient code when the
/// connection broke or was silent too long. Leaving the loop, or cancelling the task, ends the exchange.
public struct Watch<Object: KubernetesObject>: AsyncSequence, Sendable {
    /// An event.
    public typealias Element = WatchEvent<Object>

    private let body: ResponseBody
    private let operation: KubernetesOperation
    private let eventBytes: Int

    init(body: ResponseBody, operation: KubernetesOperation, eventBytes: Int) {
        self.body = body
        self.operation = operation
        self.eventBytes = eventBytes
    }

    /// Starts reading.
    public func makeAsyncIterator() -> Iterator {
        Iterator(chunks: body.makeAsyncIterator(), operation: operation, eventBytes: eventBytes)
    }

    /// Reads event after event.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var chunks: ResponseBody.Iterator
        fileprivate let operation: KubernetesOperation
        private let eventBytes: Int
        private var lines = LineSplitter()
        private var isOver = false

        fileprivate init(chunks: ResponseBody.Iterator, operation: KubernetesOperation, eventBytes: Int) {
            self.chunks = chunks
            self.operation = operation
            self.eventBytes = eventBytes
        }

        /// The next event, or `nil` at the end.
        public mutating func next() async throws -> WatchEvent<Object>? {
            while !isOver {
                do {
                    if let line = lines.next() {
                        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { continue }
                        return try event(line)
                    }
                    try checkLength(lines.rest)
                } catch {
                    isOver = true
                    throw error
                }
                do {
                    guard let chunk = try await chunks.next() else {
                        isOver = true
                        return try lastEvent()
                    }
                    lines.append(chunk)
                } catch let failure as TransportError {
                    isOver = true
                    throw KubernetesError(failure, during: operation)
                }
            }
            return nil
        }

        /// What is left when the stream ends: nothing, an event without its line break, or the beginning of one.
        private func lastEvent() throws(KubernetesError) -> WatchEvent<Object>? {
            let rest = lines.rest
            guard let last = rest.last(where: { $0 != 0x20 && $0 != 0x0D }) else { return nil }
            let broken = KubernetesError(.unreachable, operation, message: "the stream ended within an event")
            guard last == UInt8(ascii: "}") else { throw broken }
            do {
                return try event(rest)
            } catch {
                throw error.code == .malformedAnswer ? broken : error
            }
        }

        private func checkLength(_ line: ArraySlice<UInt8>) throws(KubernetesError) {
            guard line.count <= eventBytes else {
                throw KubernetesError(
                    .malformedAnswer, operation, message: "an event is longer than \(eventBytes) bytes")
            }
        }

        private func event(_ line: ArraySlice<UInt8>) throws(KubernetesError) -> WatchEvent<Object> {
            try checkLength(line)
            let event: WireEvent<Object>
            do {
                event = try JSONDecoder().decode(WireEvent<Object>.self, from: Data(line))
            } catch {
                let start = String(decoding: line.prefix(80), as: UTF8.self)
                throw KubernetesError(
                    .malformedAnswer, operation, message: "an event cannot be read; it begins with \"\(start)\"")
            }
            switch event {
            case .event(let event): return event
            case .failure(let status):
                throw KubernetesError(status: status, code: status.code ?? 0, to: operation)
            }
        }
    }
}

/// A line of a watch.
private enum WireEvent<Object: KubernetesObject>: Decodable {
    case event(WatchEvent<Object>)
    case failure(Status)

    private enum CodingKeys: String, CodingKey {
        case type
        case object
    }

    /// The only part of a bookmark's object that means anything.
    private struct Marked: Decodable {
        struct Metadata: Decodable {
            var resourceVersion: String
        }

        var metadata: Metadata
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "ADDED": self = .event(.added(try container.decode(Object.self, forKey: .object)))
        case "MODIFIED": self = .event(.modified(try container.decode(Object.self, forKey: .object)))
        case "DELETED": self = .event(.deleted(try container.decode(Object.self, forKey: .object)))
        case "BOOKMARK":
            let marked = try container.decode(Marked.self, forKey: .object)
            self = .event(.bookmark(resourceVersion: marked.metadata.resourceVersion))
        case "ERROR": self = .failure(try container.decode(Status.self, forKey: .object))
        default:
            throw DecodingError.dataCorruptedError(forKey: .type, in: container, debugDescription: "an unknown type")
        }
    }
}

extension KubernetesClient {
    /// Watches Jobs.
    ///
    /// Returns once the API server has agreed.
    /// - Throws: ``KubernetesError``
    public func watchJobs(_ options: WatchOptions) async throws -> Watch<Job> { try await watch(options) }

    /// Watches Pods.
    ///
    /// Returns once the API server has agreed.
    /// - Throws: ``KubernetesError``
    public func watchPods(_ options: WatchOptions) async throws -> Watch<Pod> { try await watch(options) }

    func watch<Object: KubernetesObject>(_ options: WatchOptions) async throws -> Watch<Object> {
        let operation = operation("watch", Object.kind)
        var call = Call(operation: operation, path: path(Object.kind))
        call.query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", options.resourceVersion),
        ]
        if let selector = options.selector, !selector.description.isEmpty {
            call.query.append(("labelSelector", selector.description))
        }
        call.query.append(("timeoutSeconds", String(options.timeoutSeconds)))
        // No total: it ends when the API server ends it, or when it falls silent.
        let exchange = ExchangeLimits(idle: options.idle, total: nil, bodyBytes: .max)
        return Watch(
            body: try await stream(call, limits: exchange, headWithin: limits.call), operation: operation,
            eventBytes: limits.eventBytes)
    }
}
