import Builds
import FoundationEssentials
import HTTPTransport
import Logging
import OCIDistribution
import SemanticVersions
import ServiceLifecycle
import Synchronization
import Testing

@testable import RegistryQueryAPI

/// The interface on a free port of this machine, over the real services, an in-memory builder and a stand-in of a registry.
struct TestService: Sendable {
    let port: Int
    let builder: MemoryBuilder
    let registry: RegistryStub
    let log: LogCollector
    /// The routes that it has.
    let routes: [Route]
    private let group: ServiceGroup

    /// Runs the service for as long as `body` runs.
    @discardableResult
    static func run<Value: Sendable>(
        _ configuration: RegistryQueryAPI.Configuration = .with(\.access, .local),
        registry: RegistryStub = RegistryStub(), tagsMaxAge: Duration = .seconds(60),
        builder: MemoryBuilder = MemoryBuilder(),
        _ body: @Sendable (TestService) async throws -> Value
    ) async throws -> Value {
        // Each connection of a test blocks a thread of Dispatch while it reads, and those are few.
        await turnstile.enter()
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await runNow(configuration, registry, tagsMaxAge, builder, body))
        } catch {
            outcome = .failure(error)
        }
        await turnstile.leave()
        return try outcome.get()
    }

    private static let turnstile = Turnstile(width: 6)

    private static func runNow<Value: Sendable>(
        _ configuration: RegistryQueryAPI.Configuration, _ registry: RegistryStub, _ tagsMaxAge: Duration,
        _ builder: MemoryBuilder, _ body: @Sendable (TestService) async throws -> Value
    ) async throws -> Value {
        let log = LogCollector()
        let logger = Logger(label: "test") { _ in log }
        let client = RegistryClient(
            configuration: .init(
                registry: try RegistryHost("registry.example"), endpoint: try HTTPURL("http://registry.example"),
                retry: .none),
            transport: registry, credentials: CredentialStore(directory: nil, logger: logger), logger: logger)
        let versions = VersionService(
            naming: try ImageNaming(registry: try RegistryHost("registry.example"), prefix: "webapp"),
            policy: VersionPolicy(initial: try #require(VersionTag("v1.0.0"))), registry: client,
            listings: SharedTagListings(maxAge: tagsMaxAge) { try await client.tags(of: $0) }, builder: builder)
        let builds = BuildService(
            versions: versions, builder: builder, registry: client,
            gitDefaults: GitDefaults(url: "https://user:secret-password@git.example/webapps.git"),
            logger: logger)
        let (ports, listening) = AsyncStream<Int>.makeStream()
        let api = RegistryQueryAPI(
            versions: versions, builds: builds, configuration: configuration, logger: logger,
            onListening: { listening.yield($0) })
        let group = ServiceGroup(configuration: .init(services: [api], logger: Logger(label: "group") { _ in log }))
        let running = Task {
            defer { listening.finish() }
            try await group.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await running.value
            throw Connection.Failure(description: "the service ended before it listened")
        }
        let service = TestService(
            port: port, builder: builder, registry: registry, log: log, routes: api.routes, group: group)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(service))
        } catch {
            outcome = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await running.value
        return try outcome.get()
    }

    /// Begins to shut down, as on SIGTERM.
    func shutDown() async { await group.triggerGracefulShutdown() }

    /// Sends a request on a connection of its own and reads the whole answer.
    func send(
        _ method: String, _ target: String, _ headers: [(String, String)] = [], body: String? = nil
    ) async throws -> Reply {
        let connection = try Connection(port: port)
        defer { connection.close() }
        await connection.send(request(method, target, headers, body: body))
        return try Reply(try await connection.readAll())
    }

    func get(_ target: String, _ headers: (String, String)...) async throws -> Reply {
        try await send("GET", target, headers)
    }

    func post(_ target: String, _ body: String, _ headers: (String, String)...) async throws -> Reply {
        try await send("POST", target, [("Content-Type", "application/json")] + headers, body: body)
    }

    /// The text of a request after whose answer the connection ends.
    func request(_ method: String, _ target: String, _ headers: [(String, String)] = [], body: String? = nil) -> String
    {
        var lines = ["\(method) \(target) HTTP/1.1"]
        if !headers.contains(where: { $0.0 == "Host" }) { lines.append("Host: 127.0.0.1:\(port)") }
        lines += headers.filter { $0.1 != "-" }.map { "\($0.0): \($0.1)" }
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return (lines + ["Connection: close", "", body ?? ""]).joined(separator: "\r\n")
    }

    /// Starts a build of a webapp and answers its id.
    func startBuild(_ webapp: String = "app-example") async throws -> BuildID {
        let reply = try await post("/builds", "{\"webapp\":\"\(webapp)\"}")
        try #require(reply.status == 202, "\(reply)")
        return try BuildID(try #require(try reply.json["id"].string))
    }
}

extension RegistryQueryAPI.Configuration {
    /// A free port of this machine without tokens, and one thing otherwise.
    static func with<Value>(_ setting: WritableKeyPath<Self, Value>, _ value: Value) -> Self {
        var configuration = RegistryQueryAPI.Configuration(port: 0, access: .local)
        configuration[keyPath: setting] = value
        return configuration
    }
}

/// Lets only so many through at a time.
private actor Turnstile {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(width: Int) { free = width }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// Keeps what is logged.
struct LogCollector: LogHandler {
    struct Entry: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    final class Storage: Sendable {
        let entries = Mutex<[Entry]>([])
    }

    let storage = Storage()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        storage.entries.withLock {
            $0.append(Entry(level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
        }
    }

    var entries: [Entry] { storage.entries.withLock { $0 } }
    var requests: [Entry] { entries.filter { $0.message == "request answered" } }
    /// Everything that was logged, as one text.
    var text: String { "\(entries)" }
}

extension JSONValue {
    /// A member of an object, the last of that name; `null` if there is none.
    subscript(name: String) -> JSONValue {
        if case .object(let members) = self { members.last { $0.name == name }?.value ?? .null } else { .null }
    }

    /// An element of an array; `null` if there is none.
    subscript(index: Int) -> JSONValue {
        if case .array(let values) = self, values.indices.contains(index) { values[index] } else { .null }
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var strings: [String]? { if case .array(let values) = self { values.compactMap(\.string) } else { nil } }
    var names: [String] { if case .object(let members) = self { members.map(\.name) } else { [] } }
    var count: Int { if case .array(let values) = self { values.count } else { 0 } }
}

extension Reply {
    /// The body as JSON.
    var json: JSONValue { get throws { try JSONParser.parse(body) } }
    /// The code of a problem document.
    var code: String? { get throws { try json["code"].string } }
    /// How many whole seconds old the answer is.
    var age: Int? { self["age"].flatMap(Int.init) }
}

/// Waits until something is so; an issue is recorded if it does not become so within 60 s.
func eventually(_ what: Comment, _ condition: @Sendable () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    // However long a pause takes, there is one more look after it.
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record(what)
            return
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
