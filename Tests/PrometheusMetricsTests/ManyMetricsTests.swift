import Metrics
import PrometheusMetrics
import Testing

@Suite("Many metrics", .timeLimit(.minutes(2)))
struct ManyMetricsTests {
    /// Bytes that make trouble more often than others.
    private static let scalars: [Unicode.Scalar] = [
        "a", "Z", "0", "_", ":", "\\", "\"", "\n", "\r", "\t", "{", "}", "=", ",", " ", "#", "\0", "\u{7f}", "\u{e9}",
        "\u{301}", "\u{1f600}", "\u{2028}",
    ]

    private func text(_ random: inout some RandomNumberGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            if let scalar = Self.scalars.randomElement(using: &random) { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    private func measure(_ registry: PrometheusRegistry, _ random: inout some RandomNumberGenerator) {
        let name = text(&random)
        let labels = (0..<Int.random(in: 0...3, using: &random)).map { _ in (text(&random), text(&random)) }
        let special = [Double.nan, .infinity, -.infinity, 0, -1, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
        let value = special.randomElement(using: &random) ?? 0
        let whole = Int64.random(in: .min ... .max, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: registry.counter(name, labels).increment(by: whole)
        case 1: FloatingPointCounter(label: name, dimensions: labels, factory: registry).increment(by: value)
        case 2: registry.gauge(name, labels).record(value)
        case 3: Meter(label: name, dimensions: labels, factory: registry).increment(by: value)
        case 4: Recorder(label: name, dimensions: labels, aggregate: true, factory: registry).record(value)
        default: registry.timer(name, labels).recordNanoseconds(whole)
        }
    }

    @Test("any names, labels and values make a text that can be read", arguments: 0..<40)
    func anything(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let registry = PrometheusRegistry([
            MetricDescription(
                "a", .gauge, labels: [.init("a", most: 1), .init("b", values: ["\n"])], help: text(&random))
        ])
        for _ in 0..<300 { measure(registry, &random) }
        let families = try ExpositionParser.parse(registry.exposition())
        #expect(families.count > 10)
    }

    @Test("measuring and exposing at once, nothing is lost and each text is whole")
    func atOnce() async throws {
        let registry = PrometheusRegistry([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        registry.counter("c", [("task", "\(task)")]).increment()
                        registry.timer("t").recordMilliseconds(number)
                        registry.gauge("g\(number % 50)").record(number)
                    }
                }
            }
            group.addTask { for _ in 0..<20 { _ = try ExpositionParser.parse(registry.exposition()) } }
            try await group.waitForAll()
        }
        for task in 0..<8 { #expect(registry.values["c_total{task=\"\(task)\"}"] == "500") }
        #expect(registry.values["t_seconds_count"] == "4000")
    }

    @Test("promtool has nothing to say against it")
    func promtool() async throws {
        let registry = PrometheusRegistry([
            MetricDescription("jobs_total", .counter, labels: ["kind"], help: "Jobs."),
            MetricDescription("job_duration_seconds", .histogram(buckets: [0.5, 1]), labels: ["kind"], help: "Time."),
            MetricDescription("temperature_celsius", .gauge, labels: ["place"], help: "Back\\slash\nand \"more\"."),
        ])
        for kind in ["a\\b", "c\"d\"", "e\nf", "\u{1f600}\u{301}", "{x=\"y\"} 1", "\0"] {
            registry.counter("jobs", [("kind", kind)]).increment()
            registry.timer("job_duration", [("kind", kind)]).recordMilliseconds(700)
            registry.gauge("temperature_celsius", [("place", kind)]).record(-1.5e-9)
        }
        for value in [Double.nan, .infinity, -.infinity, 1e300] {
            registry.gauge("temperature_celsius", [("place", "\(value)")]).record(value)
        }
        let good = try await Promtool.check(registry.exposition())
        #expect(good == "", "\(good)")
        // Without that, an answer that is nothing could mean that nothing was looked at.
        let bad = try await Promtool.check(Array("a{b=\"c} 1\n".utf8))
        #expect(bad.contains("error"), "\(bad)")
    }
}
