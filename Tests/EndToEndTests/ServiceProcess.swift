import Glibc
import RegistryTesting

/// A running `registry-query serve`.
final class ServiceProcess: Sendable {
    let url: String
    private let process: ServerProcess
    private let directory: TemporaryDirectory
    private let client: HTTPClient

    /// Starts the program and waits until it listens.
    init(settings: [String: String], name: String, client: HTTPClient) async throws {
        directory = try TemporaryDirectory()
        // Nothing of the tests' own environment reaches it.
        let environment = Program.environment(settings).map { "\($0.key)=\($0.value)" }
        process = try ServerProcess(
            ["env", "-i"] + environment + [try Program.path, "serve"], name: name, in: directory)
        let isJSON = settings["LOG_FORMAT"] == "json"
        let mark = isJSON ? #""host":"127.0.0.1","port":""# : "listening host=127.0.0.1 port="
        url = "http://127.0.0.1:\(try await process.word(after: mark))"
        self.client = client
    }

    /// What it has logged so far.
    var log: String { process.errorOutput }
    var isRunning: Bool { process.isRunning }

    /// Kills it, as a crash would.
    func kill() { process.close() }

    /// Asks it to stop.
    func terminate() { process.signal(SIGTERM) }

    /// Waits until the process has ended by itself; answers whether it did.
    func hasEnded(within limit: Duration = .seconds(60)) async throws -> Bool {
        let start = ContinuousClock.now
        while process.isRunning {
            if ContinuousClock.now - start > limit { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }

    func get(_ path: String, headers: [String] = []) async throws -> HTTPClient.Answer {
        try await client.send("GET", url + path, headers: headers)
    }

    func delete(_ path: String) async throws -> HTTPClient.Answer { try await client.send("DELETE", url + path) }

    func post(_ path: String, _ body: String, headers: [String] = []) async throws -> HTTPClient.Answer {
        try await client.send("POST", url + path, headers: ["Content-Type: application/json"] + headers, body: body)
    }

    /// Starts a build and answers its document.
    func startBuild(_ body: String = #"{"webapp": "app-example"}"#) async throws -> JSON {
        let answer = try await post("/builds", body)
        guard answer.status == 202 else { throw TestingError("no build, but \(answer.status): \(answer.body)") }
        return try answer.json
    }

    /// Asks for a build until it has ended.
    func ended(_ build: JSON, within limit: Duration = .seconds(60)) async throws -> JSON {
        try await self.build(build, within: limit) { $0["done"] == true }
    }

    /// Asks for a build until it is as wanted.
    func build(
        _ build: JSON, within limit: Duration = .seconds(60), until isWanted: (JSON) -> Bool
    ) async throws -> JSON {
        let id = build["id"]?.string ?? ""
        let start = ContinuousClock.now
        while true {
            let now = try await get("/builds/\(id)").json
            if isWanted(now) { return now }
            guard ContinuousClock.now - start < limit else { throw TestingError("the build \(id) stays \(now)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
