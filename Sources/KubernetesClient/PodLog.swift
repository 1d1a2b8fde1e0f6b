public import FoundationEssentials
internal import HTTPTransport

/// Which part of a container's log is wanted.
public struct LogOptions: Sendable {
    /// The container or init container.
    public var container: String
    /// Whether the log is followed until the container ends.
    public var follow = false
    /// Only so many lines from the end.
    public var tailLines: Int?
    /// Only so many bytes.
    public var limitBytes: Int?
    /// Only what was written since.
    public var sinceTime: Date?
    /// Whether each line begins with its RFC 3339 time and a space.
    public var timestamps = false
    /// The longest silence of a log that is followed; a build may be silent for long.
    ///
    /// Default 10 minutes.
    public var idle: Duration = .seconds(600)

    /// The whole log of a container.
    public init(container: String) { self.container = container }
}

/// A container's log, or why there is none.
public enum PodLog: Sendable {
    /// The log.
    case bytes(PodLogBytes)
    /// The container has not started, and may never: why, in the API server's words.
    case notStarted(reason: String)
    /// The Pod has no container of this name.
    case noSuchContainer
    /// The Pod is gone, and its log with it.
    case noSuchPod
}

/// The bytes of a log as they come, in pieces of any size, to be read once.
///
/// Throws ``KubernetesError`` when the stream breaks.
public struct PodLogBytes: AsyncSequence, Sendable {
    /// A piece, never empty.
    public typealias Element = [UInt8]

    fileprivate let body: ResponseBody
    fileprivate let operation: KubernetesOperation

    /// Starts reading.
    public func makeAsyncIterator() -> Iterator {
        Iterator(chunks: body.makeAsyncIterator(), operation: operation)
    }

    /// Reads piece after piece.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var chunks: ResponseBody.Iterator
        fileprivate let operation: KubernetesOperation

        /// The next piece, or `nil` at the end.
        public mutating func next() async throws -> [UInt8]? {
            do {
                return try await chunks.next()
            } catch let failure as TransportError {
                throw KubernetesError(failure, during: operation)
            }
        }
    }
}

extension KubernetesClient {
    /// Reads a container's log.
    /// - Throws: ``KubernetesError`` for everything that is none of the cases of ``PodLog``.
    public func log(ofPod name: String, _ options: LogOptions) async throws -> PodLog {
        let operation = operation("get", .pods, "log", object: name)
        var call = Call(operation: operation, path: path(.pods, try checked(name, operation), "log"))
        call.query.append(("container", options.container))
        if options.follow {
            call.isFollowed = true
            call.query.append(("follow", "true"))
        }
        if let lines = options.tailLines { call.query.append(("tailLines", String(lines))) }
        if let bytes = options.limitBytes { call.query.append(("limitBytes", String(bytes))) }
        if let date = options.sinceTime { call.query.append(("sinceTime", RFC3339.text(date, fractionDigits: 6))) }
        if options.timestamps { call.query.append(("timestamps", "true")) }
        // The head of a followed log comes with its first byte, however long a container is silent.
        let exchange =
            options.follow
            ? ExchangeLimits(idle: options.idle, total: nil, bodyBytes: .max)
            : ExchangeLimits(idle: limits.call, total: limits.call, bodyBytes: limits.answerBytes)
        do {
            return .bytes(PodLogBytes(body: try await stream(call, limits: exchange), operation: operation))
        } catch let error as KubernetesError {
            return try Self.outcome(of: error)
        }
    }

    /// The API server tells these cases apart by their text only.
    private static func outcome(of error: KubernetesError) throws(KubernetesError) -> PodLog {
        if error.code == .notFound { return .noSuchPod }
        guard error.status == 400 else { throw error }
        if error.message.hasPrefix("container "), error.message.contains("\" is waiting to start: ") {
            let reason = error.message.split(separator: " is waiting to start: ", maxSplits: 1).last
            return .notStarted(reason: reason.map(String.init) ?? "")
        }
        if error.message.hasPrefix("container "), error.message.contains(" is not valid for pod ") {
            return .noSuchContainer
        }
        throw error
    }
}
