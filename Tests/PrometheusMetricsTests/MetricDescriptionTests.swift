import PrometheusMetrics
import Testing

@Suite("Descriptions of metrics")
struct MetricDescriptionTests {
    @Test("a metric without labels has none")
    func labels() {
        #expect(MetricDescription("a_total", .counter, help: "How often.").labels.isEmpty)
    }
}
