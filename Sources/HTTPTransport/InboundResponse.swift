public import HTTPTypes

/// A server's answer: the head, and a body that streams behind it.
public struct InboundResponse: Sendable {
    /// The final status; 1xx answers are not shown.
    public var status: HTTPResponse.Status
    /// The header fields of the head.
    public var headerFields: HTTPFields
    /// The body, to be read once.
    ///
    /// Dropping it unread ends the exchange.
    public var body: ResponseBody

    /// Puts an answer together.
    public init(status: HTTPResponse.Status, headerFields: HTTPFields = [:], body: ResponseBody = .empty) {
        self.status = status
        self.headerFields = headerFields
        self.body = body
    }
}

/// The bytes of an answer as they arrive, in chunks of no particular size.
///
/// A reader that pauses makes the server pause. The sequence throws ``TransportError`` when the exchange breaks, and
/// `CancellationError` when the reading task is cancelled.
public struct ResponseBody: AsyncSequence, Sendable {
    /// A chunk, never empty.
    public typealias Element = [UInt8]

    private let makeNext: @Sendable () -> (@Sendable () async throws -> [UInt8]?)

    /// A body read by calling `next` until it answers `nil`; `makeNext` is called once, by the reader.
    public init(_ makeNext: @escaping @Sendable () -> (@Sendable () async throws -> [UInt8]?)) {
        self.makeNext = makeNext
    }

    /// A body that is already complete.
    public init(_ bytes: [UInt8]) {
        self.init {
            let remaining = Once(bytes.isEmpty ? nil : bytes)
            return { remaining.take() }
        }
    }

    /// No bytes at all.
    public static let empty = ResponseBody([])

    /// Starts reading.
    public func makeAsyncIterator() -> Iterator { Iterator(advance: makeNext()) }

    /// Reads chunk after chunk.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let advance: @Sendable () async throws -> [UInt8]?

        /// The next chunk, or `nil` at the end.
        public mutating func next() async throws -> [UInt8]? { try await advance() }
    }

    /// Reads the whole body into memory.
    /// - Throws: ``TransportError`` with code ``TransportError/Code/bodyTooLarge`` when it is longer than `limit` bytes.
    public func collect(upTo limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in self {
            guard bytes.count + chunk.count <= limit else {
                throw TransportError(.bodyTooLarge, "the answer is longer than \(limit) bytes")
            }
            bytes += chunk
        }
        return bytes
    }
}
