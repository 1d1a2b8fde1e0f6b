import FoundationEssentials
import Metrics
import PrometheusMetrics
import RegistryTesting
import Subprocess
import Testing

@testable import registry_query

@Suite("The catalog of metrics")
struct MetricCatalogTests {
    @Test("names are unique, said in one sentence, and all of them fit into one exposition")
    func isSound() {
        let names = MetricCatalog.all.map(\.name)
        #expect(names.count == Set(names).count)
        for metric in MetricCatalog.all {
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("|"), "\(metric.name)")
            #expect(metric.name.hasPrefix("registry_query_") || metric.name.hasPrefix("process_"), "\(metric.name)")
            if case .counter = metric.kind { #expect(metric.name.hasSuffix("_total"), "\(metric.name)") }
        }
    }

    @Test("the page of documentation lists exactly what is in the catalog")
    func documentation() throws {
        let page = try String(contentsOf: Self.root.appending(path: "deploy/prometheus/METRICS.md"), encoding: .utf8)
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let table = lines.filter { $0.hasPrefix("| `") }.joined(separator: "\n")
        #expect(table == Self.table, "the table of METRICS.md must be:\n\(Self.table)")
    }

    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The rows as the page has them.
    static var table: String {
        MetricCatalog.all.map { metric in
            let kind =
                if case .histogram(let buckets) = metric.kind {
                    "histogram: " + buckets.map { "\($0)".replacing(/\.0$/, with: "") }.joined(separator: " ")
                } else {
                    metric.kind.word
                }
            let labels = metric.labels.map { label in
                let values = label.values.count > 8 ? [] : label.values
                return "`\(label.name)`" + (values.isEmpty ? "" : ": \(values.joined(separator: ", "))")
                    + (label.most.map { ", at most \($0), then \(MetricDescription.Label.other)" } ?? "")
            }
            return "| `\(metric.name)` | \(kind) | \(labels.joined(separator: "; ")) | \(metric.help) |"
        }.joined(separator: "\n")
    }
}

extension EndToEnd {
    @Suite("The metrics of the service")
    struct MetricsTests {
        @Test("what it exposes is in the catalog with its labels, tells of what happened, and promtool likes it")
        func exposition() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                _ = try await service.get("/tags/app-example")
                _ = try await service.get("/tags/app-example")
                _ = try await service.get("/nowhere")
                let answer = try await service.get("/metrics")
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                let catalog = Dictionary(uniqueKeysWithValues: MetricCatalog.all.map { ($0.name, $0) })
                var seen: Set<String> = []
                for line in answer.body.split(separator: "\n") where !line.hasPrefix("#") {
                    let sample = line.prefix { $0 != "{" && $0 != " " }
                    let metric = try #require(
                        catalog[String(sample)] ?? catalog[String(sample.replacing(/_(bucket|sum|count)$/, with: ""))],
                        "\(line) is not in the catalog")
                    seen.insert(metric.name)
                    let labels = line.matches(of: /[{,]([a-z_]+)="/).map { String($0.1) }.filter { $0 != "le" }
                    #expect(Set(labels) == Set(metric.labels.map(\.name)), "\(line)")
                }
                // The one that nobody has begun to count: there was no webapp yet.
                #expect(Set(catalog.keys).subtracting(seen).isSubset(of: ["registry_query_builds_total"]))

                func value(_ series: String) -> Double? {
                    answer.body.split(separator: "\n").first { $0.hasPrefix("\(series) ") }
                        .flatMap { Double($0.dropFirst(series.count + 1)) }
                }
                #expect(
                    value(#"registry_query_http_requests_total{method="GET",route="/tags/{webapp}",status="404"}"#) == 2
                )
                #expect(value(#"registry_query_http_requests_total{method="GET",route="-",status="404"}"#) == 1)
                let outcome = #"{operation="list_tags",outcome="name_unknown"}"#
                #expect(value("registry_query_registry_requests_total\(outcome)") ?? 0 >= 1)
                #expect(value(#"registry_query_build_info{builder="local",version="0.1.0"}"#) == 1)
                #expect(value("process_resident_memory_bytes") ?? 0 > 1_000_000)
                #expect(value("process_virtual_memory_bytes") ?? 0 > value("process_resident_memory_bytes") ?? 0)
                #expect(value("process_cpu_seconds_total") ?? 0 > 0)
                #expect((5...1000).contains(value("process_open_fds") ?? 0))
                #expect(value("process_max_fds") ?? 0 >= 256)
                let age = Date().timeIntervalSince1970 - (value("process_start_time_seconds") ?? 0)
                #expect((-2...300).contains(age), "it says that it started \(age) s ago")
                #expect(value("registry_query_metrics_conflicts_total") == 0)

                let said = try await run(
                    .name("promtool"), arguments: ["check", "metrics"], input: .string(answer.body),
                    output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
                #expect(said.terminationStatus.isSuccess, "\(said)")
                #expect(said.standardOutput + said.standardError == "")
            }
        }
    }
}

@Suite("What the kernel says of the process")
struct ProcessFiguresTests {
    @Test("the figures are found behind a name that has spaces and parentheses")
    func reading() throws {
        let figures = ProcessFigures()
        let line =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 2 0 0 0 300 200 0 0 20 0 4 0 5000 1000000 25 18446744073709551615\n"
        let reading = try #require(figures.reading(line))
        #expect(reading.virtualBytes == 1_000_000 && reading.residentBytes % 25 == 0 && reading.residentBytes > 0)
        #expect(reading.processorSeconds * 10 == reading.start, "500 and 5000 ticks")
        for broken in ["", "7 (a", "7 (a) S 1 2", "7 (a) S x x x x x x x x x x x x x x x x x x x x x x x"] {
            #expect(figures.reading(broken) == nil, "\(broken)")
        }
        #expect(ProcessFigures.boot("cpu 1 2\nbtime 1700000000\nprocesses 5\n") == 1_700_000_000)
        #expect(ProcessFigures.boot("cpu 1 2\n") == nil)
    }
}

@Suite("Many builds")
struct ManyBuildsTests {
    @Test("the metrics of 5,000 builds of 500 webapps have less than 1 MB, and are written within a moment")
    func size() throws {
        let registry = PrometheusRegistry(MetricCatalog.all)
        for build in 0..<5000 {
            let outcome = ["succeeded", "failed", "cancelled"][build % 3]
            registry.makeCounter(
                label: "registry_query_builds_total",
                // `other` is a name like any.
                dimensions: [
                    ("webapp", build % 500 == 0 ? "other" : "app-with-a-rather-long-name-\(build % 500)"),
                    ("outcome", outcome),
                ]
            ).increment(by: 1)
            registry.makeTimer(
                label: "registry_query_build_duration_seconds", dimensions: [("outcome", outcome)]
            ).recordNanoseconds(Int64(build) * 1_000_000_000)
        }
        // More of everything than a service comes to.
        for route in 0..<30 {
            for status in 200..<220 {
                registry.makeCounter(
                    label: "registry_query_http_requests_total",
                    dimensions: [("route", "/route-\(route)/{webapp}"), ("method", "GET"), ("status", "\(status)")]
                ).increment(by: 1)
            }
            registry.makeTimer(
                label: "registry_query_http_request_duration_seconds",
                dimensions: [("route", "/route-\(route)/{webapp}")]
            ).recordNanoseconds(5)
        }
        var text: [UInt8] = []
        let time = processorTime { text = registry.exposition() }
        #expect(text.count < 1_000_000, "\(text.count) bytes")
        let builds = String(decoding: text, as: UTF8.self).split(separator: "\n").filter {
            $0.hasPrefix("registry_query_builds_total{")
        }
        #expect(builds.count == 603, "200 webapps and the others, each with three outcomes")
        func count(_ webapp: String) -> Int {
            builds.filter { $0.contains("webapp=\"\(webapp)\"") }
                .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        }
        #expect(count("other") == 10 && count("_other") == 3000)
        #expect(builds.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +) == 5000)
        // The benchmark measures it; here it must only not be of another kind.
        #expect(time < .seconds(2), "\(time)")
    }
}
