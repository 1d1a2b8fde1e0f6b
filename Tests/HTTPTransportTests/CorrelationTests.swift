import HTTPTransport
import HTTPTypes
import Testing

struct CorrelationTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    @Test(
        "takes what Trace Context allows, unchanged",
        arguments: [
            "00-\(trace)-00f067aa0ba902b7-01", "00-\(trace)-00f067aa0ba902b7-00", "cc-\(trace)-00f067aa0ba902b7-ff",
            "01-\(trace)-00f067aa0ba902b7-01-what-comes",
        ])
    func takes(text: String) {
        let parent = Traceparent(text)
        #expect(parent?.description == text && parent?.traceID == Self.trace)
    }

    @Test(
        "ignores what it does not",
        arguments: [
            "", "-", "00", "00-\(trace)-00f067aa0ba902b7", "00-\(trace)-00f067aa0ba902b7-01-x",
            "00-\(trace)-00f067aa0ba902b7-01-",
            "ff-\(trace)-00f067aa0ba902b7-01", "0-\(trace)-00f067aa0ba902b7-01",
            "00-\(trace.uppercased())-00f067aa0ba902b7-01",
            "00-\(trace.dropLast())-00f067aa0ba902b7-01", "00-\(trace)-00f067aa0ba902b7-1",
            "00-\(trace)-00f067aa0ba902b-01",
            "00-\(String(repeating: "0", count: 32))-00f067aa0ba902b7-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace)-00f067aa0ba902bg-01", " 00-\(trace)-00f067aa0ba902b7-01",
            "01-\(trace)-00f067aa0ba902b7-01-a b",
            "01-\(trace)-00f067aa0ba902b7-01-\(String(repeating: "a", count: 80))", "01-\(trace)-00f067aa0ba902b7-01x",
        ])
    func ignores(text: String) {
        #expect(Traceparent(text) == nil)
    }

    @Test("a message has one or none")
    func readsFields() throws {
        let parent = try #require(Traceparent("00-\(Self.trace)-00f067aa0ba902b7-01"))
        var fields = HTTPFields()
        #expect(fields.traceparent == nil)
        fields.traceparent = parent
        #expect(fields.traceparent == parent && fields.count == 1)
        fields.append(HTTPField(name: try #require(HTTPField.Name("Traceparent")), value: parent.description))
        #expect(fields.traceparent == nil)
        fields.traceparent = nil
        #expect(fields.isEmpty)
    }
}
