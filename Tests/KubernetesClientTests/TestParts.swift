import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Synchronization

@testable import KubernetesClient

/// Gives one and the same answer to every request, its body in pieces of one length, and remembers the requests.
final class PieceTransport: Transport {
    private let status: Int
    private let fields: HTTPFields
    private let body: [UInt8]
    private let pieceLength: Int?
    private let failure: TransportError?
    private let sent = Mutex<[OutboundRequest]>([])

    /// - Parameter failure: how the body ends, unless it ends well.
    init(
        status: Int = 200, fields: HTTPFields = [.contentType: "application/json"], body: [UInt8],
        pieceLength: Int? = nil, failure: TransportError? = nil
    ) {
        self.status = status
        self.fields = fields
        self.body = body
        self.pieceLength = pieceLength
        self.failure = failure
    }

    var requests: [OutboundRequest] { sent.withLock(\.self) }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        sent.withLock { $0.append(request) }
        let length = max(pieceLength ?? body.count, 1)
        let body = body
        let failure = failure
        return InboundResponse(
            status: .init(code: status), headerFields: fields,
            body: ResponseBody {
                let position = Mutex(0)
                return {
                    let piece = position.withLock { position in
                        defer { position += length }
                        return Array(body.dropFirst(position).prefix(length))
                    }
                    if piece.isEmpty, let failure { throw failure }
                    return piece.isEmpty ? nil : piece
                }
            })
    }
}

/// A clock whose waits take no time and move it on; waits beyond `longest` last for ever.
///
/// Retries wait seconds at most, deadlines are longer: so retries happen at once and deadlines never pass by themselves.
final class LeapingClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let state = Mutex<(now: Duration, waits: [Duration])>((.zero, []))
    private let longest: Duration

    init(longest: Duration = .seconds(9)) { self.longest = longest }

    var now: Instant { Instant(offset: state.withLock(\.now)) }
    var minimumResolution: Duration { .zero }
    /// The waits so far.
    var waits: [Duration] { state.withLock(\.waits) }

    func advance(by duration: Duration) { state.withLock { $0.now += duration } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let wait = now.duration(to: deadline)
        if wait > longest {
            try await Task.sleep(for: .seconds(3600))
        }
        try Task.checkCancellation()
        state.withLock { state in
            state.now += max(wait, .zero)
            state.waits.append(wait)
        }
    }
}

/// A folder for files of one test, gone with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("kubernetes-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// Certificates that look like some.
enum PEM {
    static let authority = "-----BEGIN CERTIFICATE-----\nQUJDREVGR0g=\n-----END CERTIFICATE-----\n"
    static let otherAuthority = "-----BEGIN CERTIFICATE-----\nSUpLTE1OT1A=\n-----END CERTIFICATE-----\n"
    static let key = "-----BEGIN EC PRIVATE KEY-----\nUVJTVFVWV1g=\n-----END EC PRIVATE KEY-----\n"
}

/// A client of a server that exists only in scripts.
func client(
    _ transport: any Transport, clock: any Clock<Duration> = LeapingClock(),
    limits: KubernetesClient.Limits = KubernetesClient.Limits(), namespace: String = "build-system"
) throws -> KubernetesClient {
    var credentials = ClusterCredentials()
    credentials.token = .inline(Array("<token>".utf8))
    return KubernetesClient(
        transport: transport,
        configuration: ClusterConfiguration(
            server: try HTTPURL("https://api.example:6443"), credentials: credentials, origin: "a test"),
        namespace: namespace, limits: limits, clock: clock)
}

/// The error that a body throws.
func kubernetesError(_ body: () async throws -> Void) async -> KubernetesError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? KubernetesError
    }
}

/// Gives its answers in order, then fails the connection.
final class SequenceTransport: Transport {
    typealias Answer = (status: Int, fields: HTTPFields, body: [UInt8])

    private let state: Mutex<(answers: ArraySlice<Answer>, requests: [OutboundRequest])>

    init(_ answers: [Answer]) { state = Mutex((answers[...], [])) }

    var requests: [OutboundRequest] { state.withLock(\.requests) }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        let answer = state.withLock { state in
            state.requests.append(request)
            return state.answers.popFirst()
        }
        guard let answer else { throw TransportError(.connectionLost, "there are no more answers") }
        return InboundResponse(
            status: .init(code: answer.status), headerFields: answer.fields, body: ResponseBody(answer.body))
    }
}
