import Metrics
import PrometheusMetrics
import Testing

@Suite("The text that is exposed")
struct ExpositionTests {
    @Test("is, byte for byte, what the format says")
    func golden() throws {
        let registry = PrometheusRegistry([
            MetricDescription(
                "z_requests_total", .counter,
                labels: [.init("operation"), .init("outcome", values: ["ok", "failed"])],
                help: "Back\\slash,\nand \"quotes\"."),
            MetricDescription(
                "duration_seconds", .histogram(buckets: [0.005, 1, 2.5]), labels: ["route"], help: "How long."),
            MetricDescription("a_level", .gauge, help: "How high."),
            MetricDescription("never_set_total", .counter, labels: ["kind"], help: "Has no series."),
        ])
        registry.counter("z_requests_total", [("outcome", "ok"), ("operation", "b")]).increment(by: 12)
        registry.counter("z_requests_total", [("operation", "a"), ("outcome", "ok")]).increment()
        let timer = registry.timer("duration_seconds", [("route", "/a/{b}")])
        for milliseconds in [5, 5, 1000, 3000] { timer.recordMilliseconds(milliseconds) }
        registry.gauge("a_level").record(0.1 + 0.2)
        #expect(
            registry.text == """
                # HELP a_level How high.
                # TYPE a_level gauge
                a_level 0.30000000000000004
                # HELP duration_seconds How long.
                # TYPE duration_seconds histogram
                duration_seconds_bucket{route="/a/{b}",le="0.005"} 2
                duration_seconds_bucket{route="/a/{b}",le="1"} 3
                duration_seconds_bucket{route="/a/{b}",le="2.5"} 3
                duration_seconds_bucket{route="/a/{b}",le="+Inf"} 4
                duration_seconds_sum{route="/a/{b}"} 4.01
                duration_seconds_count{route="/a/{b}"} 4
                # HELP registry_query_metrics_conflicts_total \(PrometheusRegistry.conflicts.help)
                # TYPE registry_query_metrics_conflicts_total counter
                registry_query_metrics_conflicts_total 0
                # HELP registry_query_metrics_dropped_series_total \(PrometheusRegistry.dropped.help)
                # TYPE registry_query_metrics_dropped_series_total counter
                registry_query_metrics_dropped_series_total 0
                # HELP z_requests_total Back\\\\slash,\\nand "quotes".
                # TYPE z_requests_total counter
                z_requests_total{operation="a",outcome="failed"} 0
                z_requests_total{operation="a",outcome="ok"} 1
                z_requests_total{operation="b",outcome="failed"} 0
                z_requests_total{operation="b",outcome="ok"} 12

                """)
        #expect(PrometheusRegistry.contentType == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test("is the same whatever the order in which metrics and labels came")
    func order() {
        let events: [(String, [(String, String)])] = [
            ("b", [("x", "1"), ("y", "2")]), ("a", []), ("b", [("y", "1"), ("x", "2")]), ("c", [("x", "\u{e9}")]),
            ("c", [("x", "f")]), ("a:b", []),
        ]
        var texts: Set<String> = []
        for shift in events.indices {
            let registry = PrometheusRegistry([])
            for (name, labels) in events[shift...] + events[..<shift] {
                registry.counter(name, shift.isMultiple(of: 2) ? labels : labels.reversed()).increment()
            }
            texts.insert(registry.text)
        }
        #expect(texts.count == 1)
    }

    static let writtenNumbers: [(Double, String)] = [
        (0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.1, "0.1"), (1e15, "1000000000000000"),
        (9_007_199_254_740_992, "9007199254740992"), (1e18, "1000000000000000000"),
        (1e22, "10000000000000000000000"), (1.5e-7, "1.5e-07"), (1e300, "1e+300"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (.nan, "NaN"), (-.nan, "NaN"), (.pi, "3.141592653589793"),
        (.leastNonzeroMagnitude, "5e-324"),
    ]

    @Test("writes numbers as they are read back, whole ones without exponent", arguments: writtenNumbers)
    func numbers(value: Double, text: String) {
        let registry = PrometheusRegistry([])
        registry.gauge("g").record(value)
        #expect(registry.values["g"] == text)
        if !value.isNaN, value.isFinite { #expect(Double(text) == value) }
    }

    @Test("what is described is there from the start with 0, where the labels are known")
    func fromTheStart() {
        let registry = PrometheusRegistry([
            MetricDescription(
                "a_total", .counter, labels: [.init("x", values: ["1", "2"]), .init("y", values: ["3", "4"])],
                help: "A."),
            MetricDescription("b", .gauge, help: "B."),
            MetricDescription("c", .gauge, isZeroAtFirst: false, help: "C."),
            MetricDescription("d", .gauge, labels: ["open"], help: "D."),
            MetricDescription("e_seconds", .histogram(buckets: [1]), help: "E."),
        ])
        let expected = [
            #"a_total{x="1",y="3"}"#, #"a_total{x="1",y="4"}"#, #"a_total{x="2",y="3"}"#, #"a_total{x="2",y="4"}"#, "b",
            #"e_seconds_bucket{le="1"}"#, #"e_seconds_bucket{le="+Inf"}"#, "e_seconds_sum", "e_seconds_count",
            PrometheusRegistry.conflicts.name, PrometheusRegistry.dropped.name,
        ]
        #expect(Set(registry.values.keys) == Set(expected))
        #expect(registry.values.values.allSatisfy { $0 == "0" })
        registry.counter("a_total", [("x", "9"), ("y", "3")]).increment()
        #expect(registry.values[#"a_total{x="9",y="3"}"#] == "1", "values that are not known are welcome, too")
    }

    @Test("what depends on the time is brought up to date before each exposition")
    func hooks() {
        let registry = PrometheusRegistry([])
        registry.beforeExposition { registry.counter("scrapes").increment() }
        registry.beforeExposition { registry.counter("hooks").increment(by: 2) }
        #expect(registry.values["scrapes_total"] == "1")
        #expect(registry.values["hooks_total"] == "4")
    }
}
