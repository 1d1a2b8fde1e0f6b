import FoundationEssentials
import RegistryTesting

/// Debian's Prometheus, which scrapes one service every second and evaluates the rules of the manifests.
final class PrometheusServer: Sendable {
    /// The namespace that the service is said to be in.
    static let namespace = "build-system"

    private let url: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess
    private let client: HTTPClient

    /// Starts it.
    /// - Parameters:
    ///   - target: `host:port` of the service.
    ///   - tokenFile: Where its token for `/metrics` is.
    ///   - rules: The text of a rule file.
    init(scraping target: String, tokenFile: String, rules: String, client: HTTPClient) async throws {
        directory = try TemporaryDirectory()
        self.client = client
        let ruleFile = try directory.write(rules, to: "rules.yaml")
        let file = try directory.write(
            """
            global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
            rule_files: ["\(ruleFile)"]
            scrape_configs:
              - job_name: registry-query
                authorization: {type: Bearer, credentials_file: "\(tokenFile)"}
                static_configs:
                  - targets: ["\(target)"]
                    labels: {namespace: \(Self.namespace), pod: registry-query-0}

            """, to: "prometheus.yml")
        process = try ServerProcess(
            [
                "prometheus", "--config.file=\(file)", "--storage.tsdb.path=\(directory.path("data"))",
                "--storage.tsdb.retention.time=1h", "--web.listen-address=127.0.0.1:0", "--log.format=logfmt",
            ], name: "prometheus", in: directory)
        url = "http://\(try await process.word(after: #"msg="Listening on" address="#))"
    }

    func close() { process.close() }

    /// The series that an expression has now.
    /// - Throws: Prometheus' own words if it cannot evaluate it.
    func query(_ expression: String) async throws -> [JSON] {
        let answer = try await get("query", ["--get", "--data-urlencode", "query=\(expression)"])
        return answer["result"]?.array ?? []
    }

    /// The value of an expression that has one series.
    func value(_ expression: String) async throws -> String? {
        let series = try await query(expression)
        return series.count == 1 ? series[0]["value"]?.array.last?.string : nil
    }

    /// What it knows of the targets that it scrapes.
    func targets() async throws -> [JSON] { try await get("targets")["activeTargets"]?.array ?? [] }

    /// What it knows of the alerts' rules.
    func rules() async throws -> [JSON] {
        try await get("rules")["groups"]?.array.flatMap { $0["rules"]?.array ?? [] } ?? []
    }

    private func get(_ path: String, _ options: [String] = []) async throws -> JSON {
        let answer = try await client.send("GET", "\(url)/api/v1/\(path)", options: options)
        guard answer["status"] == "success", let data = answer["data"] else {
            throw TestingError("\(path) \(options.last ?? ""): \(answer.status) \(answer.body)")
        }
        return data
    }
}
