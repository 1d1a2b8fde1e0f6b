import HTTPTransport
import HTTPTypes

/// A request to a running service.
struct ServiceRequest {
    /// Segments that need no encoding: words of the interface, and validated names.
    let path: [String]
    var method = HTTPRequest.Method.get
    /// Those without a value are left out.
    var query: [(name: String, value: String?)] = []
    var body: [UInt8]?
    var idempotencyKey: String?
    var limits = ExchangeLimits.answer
    /// Whether an older listing will not do.
    let asksAnew: Bool

    init(_ path: String..., asksAnew: Bool = false) {
        self.path = path
        self.asksAnew = asksAnew
    }
}

extension ExchangeLimits {
    /// The service answers everything within 30 s.
    static let answer = ExchangeLimits(connect: .seconds(10), idle: .seconds(45), total: .seconds(60))
    /// The service says every 15 s that it lives.
    static let events = ExchangeLimits(connect: .seconds(10), idle: .seconds(60), total: nil, bodyBytes: 64 << 20)
    /// A build may say nothing for as long as it takes; the service lets nobody follow for longer than 2 h.
    static let log = ExchangeLimits(connect: .seconds(10), idle: .seconds(7260), total: nil, bodyBytes: 1 << 30)
}
