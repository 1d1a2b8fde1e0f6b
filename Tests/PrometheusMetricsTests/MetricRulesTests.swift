import Logging
import Metrics
import PrometheusMetrics
import Testing

/// What other backends get wrong, and the bounds.
@Suite("Whatever is measured, the text can be read")
struct MetricRulesTests {
    @Test("values of labels are escaped")
    func escaping() throws {
        let registry = PrometheusRegistry([])
        registry.counter("errors", [("why", "a\"b\\c\nd\u{0}e")]).increment()
        #expect(registry.plainText.hasSuffix("errors_total{why=\"a\\\"b\\\\c\\nd\u{FFFD}e\"} 1\n"))
        let family = try #require(try ExpositionParser.parse(registry.exposition()).first)
        #expect(family.samples.first?.labels == ["why": "a\"b\\c\nd\u{FFFD}e"])
    }

    @Test("labels whose names become one are one: the first counts, and the conflict is counted and told once")
    func collidingLabels() {
        let log = LogLines()
        let registry = PrometheusRegistry([], logger: log.logger)
        for _ in 0..<3 { registry.counter("dup", [("a.b", "1"), ("a_b", "2")]).increment() }
        #expect(registry.values[#"dup_total{a_b="1"}"#] == "3")
        #expect(registry.conflictCount == "3")
        #expect(log.all.count == 1 && log.all[0].contains("dup_total"), "\(log.all)")
    }

    @Test(
        "names are sanitised byte by byte",
        arguments: [
            ("Q\u{301}x.y", "Q__x_y"), ("a-b c", "a_b_c"), ("9lives", "_9lives"), ("a:b", "a:b"), ("", "_"),
            ("\u{e9}", "__"), ("a9Z_", "a9Z_"), ("a\nb{c=\"d\"} 1", "a_b_c__d___1"),
        ])
    func names(given: String, name: String) {
        let registry = PrometheusRegistry([])
        registry.gauge(given, [("l\(given)", "v")]).record(1)
        let label = given == "9lives" ? "l9lives" : "l" + (given.isEmpty ? "" : name.replacing(":", with: "_"))
        #expect(registry.values["\(name){\(label)=\"v\"}"] == "1", "\(registry.text)")
    }

    @Test("a negative duration counts as none, and the smallest and largest do not trap")
    func negativeDurations() {
        let registry = PrometheusRegistry([])
        let timer = registry.timer("wait")
        for nanoseconds: Int64 in [-1_000_000_000, .min, .max] { timer.recordNanoseconds(nanoseconds) }
        timer.record(duration: .seconds(-5))
        #expect(registry.values[#"wait_seconds_bucket{le="0.005"}"#] == "3")
        #expect(registry.values["wait_seconds_count"] == "4")
        #expect(registry.values["wait_seconds_sum"] == "9223372036.854776")
    }

    @Test("with and without labels, the same name may be measured")
    func mixedLabels() {
        let registry = PrometheusRegistry([])
        registry.counter("c").increment()
        registry.counter("c", [("a", "1")]).increment()
        registry.counter("c", [("b", "")]).increment()
        #expect(registry.values["c_total"] == "2", "a label without a value is none")
        #expect(registry.values[#"c_total{a="1"}"#] == "1")
        #expect(registry.conflictCount == "0")
    }

    @Test("of two kinds under one name the first counts, also where only the names of their samples are the same")
    func kinds() throws {
        let log = LogLines()
        let registry = PrometheusRegistry(
            [
                MetricDescription("described_seconds", .gauge, help: "First."),
                MetricDescription("described_seconds", .counter, help: "Second."),
            ], logger: log.logger)
        registry.counter("m_total").increment()
        registry.gauge("m_total").record(5)
        Recorder(label: "h", factory: registry).record(0.3)
        registry.gauge("h_count").record(5)
        registry.gauge("i_bucket").record(5)
        Recorder(label: "i", factory: registry).record(0.3)
        registry.timer("described").recordSeconds(1)
        for _ in 0..<10 { registry.timer("described").recordSeconds(1) }
        #expect(registry.values["m_total"] == "1")
        #expect(registry.values["h_count"] == "1")
        #expect(registry.values["i_bucket"] == "5")
        #expect(registry.values["described_seconds"] == "0")
        #expect(registry.conflictCount == "14")
        #expect(log.all.count == 4, "\(log.all)")
        _ = try ExpositionParser.parse(registry.exposition())
    }

    @Test("what can only rise does, exactly, beyond all bounds, and whatever it is told")
    func counters() {
        let registry = PrometheusRegistry([])
        let counter = registry.counter("c")
        for amount: Int64 in [5, -3, .max, 1] { counter.increment(by: amount) }
        #expect(registry.values["c_total"] == "9223372036854775807")
        let fractions = FloatingPointCounter(label: "f", factory: registry)
        for amount in [0.5, -1, .nan, .infinity, 0.25] { fractions.increment(by: amount) }
        #expect(registry.values["f_total"] == "0.75")
        counter.reset()
        #expect(registry.values["c_total"] == "0")
        counter.destroy()
        counter.increment()
        #expect(registry.values["c_total"] == "1")
    }

    @Test("gauges rise and fall; meters and gauges of one name are one")
    func gauges() {
        let registry = PrometheusRegistry([])
        registry.gauge("g").record(5)
        let meter = Meter(label: "g", factory: registry)
        meter.increment(by: 2.5)
        meter.decrement(by: 10)
        #expect(registry.values["g"] == "-2.5")
        meter.set(Int64.max)
        #expect(registry.values["g"] == "9223372036854775807" || registry.values["g"] == "9223372036854775808")
    }

    @Test("what is no number is no value of a histogram; what is beyond all bounds is")
    func histograms() throws {
        let registry = PrometheusRegistry([
            MetricDescription("h", .histogram(buckets: [2, 1, .infinity, .nan, 1]), help: "Bad bounds.")
        ])
        let recorder = Recorder(label: "h", factory: registry)
        for value in [1, 1.5, .nan, .infinity, -.infinity] { recorder.record(value) }
        #expect(registry.values[#"h_bucket{le="1"}"#] == "2")
        #expect(registry.values[#"h_bucket{le="2"}"#] == "3")
        #expect(registry.values[#"h_bucket{le="+Inf"}"#] == "4")
        #expect(registry.values["h_count"] == "4")
        _ = try ExpositionParser.parse(registry.exposition())
    }

    @Test("labels of the format's own, and labels that nobody described, are left out", arguments: [true, false])
    func reserved(isDescribed: Bool) {
        let description = MetricDescription("c_total", .counter, labels: ["fine"], help: "C.")
        let registry = PrometheusRegistry(isDescribed ? [description] : [])
        let bad = ["le", "quantile", "__name__", "__x"] + (isDescribed ? ["person"] : [])
        for name in bad { registry.counter("c", [(name, "1"), ("fine", "2")]).increment() }
        #expect(registry.values[#"c_total{fine="2"}"#] == "\(bad.count)", "\(registry.text)")
        #expect(registry.conflictCount == "\(bad.count)")
    }

    @Test("a metric has so many series and no more; what is lost is counted and told once")
    func seriesBound() {
        let log = LogLines()
        let registry = PrometheusRegistry([], seriesPerMetric: 10, logger: log.logger)
        for number in 0..<25 { registry.counter("c", [("n", "\(number)")]).increment() }
        registry.counter("c", [("n", "3")]).increment()
        #expect(registry.values.keys.count { $0.hasPrefix("c_total") } == 10)
        #expect(registry.values[#"c_total{n="3"}"#] == "2", "those that are there go on")
        #expect(registry.dropCount == "15" && registry.conflictCount == "0")
        #expect(log.all.count == 1)
        registry.counter("d").increment()
        #expect(registry.values["d_total"] == "1", "and so do other metrics")
    }

    @Test("metrics that nobody described are bounded, too, and so are values of labels")
    func undescribedBound() {
        let registry = PrometheusRegistry([])
        for number in 0..<1000 { registry.gauge("m\(number)").record(1) }
        #expect(registry.values.count == 202)
        #expect(registry.dropCount == "800")
        registry.gauge("m0", [("l", String(repeating: "x", count: 100_000))]).record(1)
        #expect(registry.text.utf8.count < 20_000)
    }

    @Test("a label has so many values of its own, the rest are other; what is known does not count")
    func valueBound() {
        let registry = PrometheusRegistry([
            MetricDescription(
                "b_total", .counter,
                labels: [.init("webapp", values: ["known"], most: 3), .init("outcome", values: ["ok", "failed"])],
                help: "B.")
        ])
        for number in 0..<10 {
            registry.counter("b", [("webapp", "app-\(number)"), ("outcome", "ok")]).increment()
        }
        registry.counter("b", [("webapp", "app-2"), ("outcome", "failed")]).increment()
        registry.counter("b", [("webapp", "known"), ("outcome", "ok")]).increment()
        let values = registry.values.filter { $0.key.hasPrefix("b_total") }
        #expect(values[#"b_total{outcome="ok",webapp="other"}"#] == "7")
        #expect(values[#"b_total{outcome="failed",webapp="app-2"}"#] == "1")
        #expect(values[#"b_total{outcome="ok",webapp="known"}"#] == "1")
        #expect(values.count == 10, "known, three of their own and other, each with both outcomes")
        #expect(registry.dropCount == "0")
    }
}
