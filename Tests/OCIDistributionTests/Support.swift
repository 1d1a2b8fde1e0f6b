import FoundationEssentials
import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import Logging
import OCIDistribution
import RegistryTesting
import Synchronization

/// A client of a registry at `https://r.io` (or elsewhere) with a Docker configuration of its own.
struct Fixture {
    let directory: TemporaryDirectory
    let store: CredentialStore
    let client: RegistryClient

    init(
        _ transport: any Transport, config: String? = nil, registry: String = "r.io", endpoint: String? = nil,
        clock: any Clock<Duration> = ContinuousClock(), environment: [String: String] = [:], logger: Logger = .quiet,
        adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory()
        if let config { try directory.write(config, to: "config.json") }
        store = CredentialStore(directory: directory.path, environment: environment, clock: clock, logger: logger)
        var configuration = RegistryClient.Configuration(
            registry: try RegistryHost(registry), endpoint: try HTTPURL(endpoint ?? "https://\(registry)"),
            retry: RetryPolicy(firstDelay: .milliseconds(1), longestDelay: .milliseconds(2)))
        adjust(&configuration)
        client = RegistryClient(
            configuration: configuration, transport: transport, credentials: store, clock: clock, logger: logger)
    }

    static func auths(_ entries: [(host: String, user: String, password: String)]) -> String {
        let fields = entries.map { #""\#($0.host)": {"auth": "\#(basic($0.user, $0.password))"}"# }
        return #"{"auths": {\#(fields.joined(separator: ", "))}}"#
    }
}

/// The credentials part of Basic authentication.
func basic(_ user: String, _ password: String) -> String { Data("\(user):\(password)".utf8).base64EncodedString() }

let app = Repository.app

extension Repository {
    static var app: Repository {
        do {
            return try Repository("webapp/app")
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension Logger {
    /// A logger that nobody hears.
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// Keeps what is logged.
final class LogRecorder: LogHandler, Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in self } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        recorded.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
}

/// A transport that is a function, for tests in which the order of requests is not known beforehand.
final class FunctionTransport: Transport {
    private let sent = Mutex<[OutboundRequest]>([])
    private let answer: @Sendable (OutboundRequest, Int) async throws -> InboundResponse

    /// The function gets the request and how many came before it.
    init(_ answer: @escaping @Sendable (OutboundRequest, Int) async throws -> InboundResponse) { self.answer = answer }

    var requests: [OutboundRequest] { sent.withLock { $0 } }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        let number = sent.withLock { sent in
            sent.append(request)
            return sent.count - 1
        }
        return try await answer(request, number)
    }
}

extension InboundResponse {
    static func text(_ status: Int, _ body: String, _ headers: [(String, String)] = []) -> InboundResponse {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return InboundResponse(status: .init(code: status), headerFields: fields, body: ResponseBody(Array(body.utf8)))
    }
}

/// A clock that stands still until a test moves it.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset = Duration.zero

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant()
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }

    /// How long those who sleep still have to, shortest first.
    var sleeps: [Duration] {
        state.withLock { state in state.sleepers.values.map { state.now.duration(to: $0.deadline) }.sorted() }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers[number] = (deadline, continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: number)
                if sleeper == nil { state.cancelled.insert(number) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for number in due.keys { state.sleepers[number] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Waits until somebody sleeps for this long.
    func waitForSleep(of duration: Duration) async throws { try await eventually { self.sleeps.contains(duration) } }
}

/// Waits until something that other tasks bring about is so.
func eventually(_ condition: @Sendable () async throws -> Bool) async throws {
    let start = ContinuousClock.now
    while try await !condition() {
        guard ContinuousClock.now - start < .seconds(60) else {
            throw TestingError("what was waited for did not come about")
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}

/// What tasks of a test hold each other up with.
final class Gate: Sendable {
    private let isOpen = Mutex(false)

    func open() { isOpen.withLock { $0 = true } }

    /// Waits until the gate is open.
    /// - Throws: `CancellationError` when the task is cancelled before.
    func pass() async throws {
        while !isOpen.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
    }
}
