import CLibcurl
import HTTPTransport
import HTTPTypes

/// An ``Exchange`` as libcurl sees it.
///
/// Lives on the thread that drives libcurl.
///
/// libcurl has a pointer to it, so it has to be kept until it was removed from the multi handle.
final class Transfer {
    let exchange: Exchange
    let easy: EasyHandle
    private let permit: ConnectionGate.Permit
    let errorText: UnsafeMutablePointer<CChar>
    var headerLines: UnsafeMutablePointer<curl_slist>?

    private var parser: HeadParser
    private var bodyBytes = 0
    private var contentLength: Int?
    /// Why a callback gave up.
    private(set) var failure: TransportError?

    private let started: ContinuousClock.Instant
    private var lastActivity: ContinuousClock.Instant
    private var isConnected = false
    private var isPaused = false
    private var drainsUntil: ContinuousClock.Instant?

    /// What is read of an unwanted body to keep its connection.
    private static let largestDrain = 64 * 1024
    private let longestDrain: Duration

    let refusesAddress: (@Sendable (IPAddress) -> Bool)?
    private var refusedAddress: IPAddress?
    private var mayHaveConnected = false

    init(
        _ exchange: Exchange, _ permit: ConnectionGate.Permit, _ settings: CurlLoop.Settings,
        now: ContinuousClock.Instant
    ) throws(TransportError) {
        self.exchange = exchange
        self.permit = permit
        easy = try EasyHandle()
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        parser = HeadParser(limit: exchange.request.limits.headerBytes)
        longestDrain = settings.longestDrain
        refusesAddress = settings.refusesAddress
        started = now
        lastActivity = now
        try configure(settings)
    }

    deinit {
        easy.free()
        curl_slist_free_all(headerLines)
        errorText.deallocate()
        permit.release()
    }

    var limits: ExchangeLimits { exchange.request.limits }

    // MARK: Callbacks, which only return codes and never call libcurl

    func connected() {
        isConnected = true
        lastActivity = .now
    }

    /// A socket for one of the host's addresses, unless it is refused; libcurl then goes on with the next one.
    func openSocket(_ address: UnsafePointer<curl_sockaddr>) -> curl_socket_t {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = ccurl_address_bytes(address, &bytes)
        // What is no IP address cannot be judged.
        guard let ip = IPAddress(bytes: Array(bytes[..<count])) else { return CURL_SOCKET_BAD }
        guard refusesAddress?(ip) != true else {
            refusedAddress = ip
            return CURL_SOCKET_BAD
        }
        mayHaveConnected = true
        return ccurl_open_socket(address)
    }

    func receive(headerLine line: UnsafeRawBufferPointer) -> Int {
        lastActivity = .now
        do throws(HeadParser.Failure) {
            guard var head = try parser.read(line) else { return line.count }
            if undoesEncoding(head) {
                // They describe the bytes on the wire, not those that are delivered.
                head.fields[.contentEncoding] = nil
                head.fields[.contentLength] = nil
            }
            contentLength = head.fields[.contentLength].flatMap { Int($0) }
            exchange.publish(head)
            return line.count
        } catch {
            switch error {
            case .tooLarge:
                failure = TransportError(
                    .headerTooLarge, "\(exchange.summary): the header is longer than \(limits.headerBytes) bytes")
            case .malformed(let reason):
                failure = TransportError(.malformedResponse, "\(exchange.summary): \(reason)")
            }
            return Transfer.giveUp
        }
    }

    func receive(body: UnsafeRawBufferPointer) -> Int {
        lastActivity = .now
        guard parser.isComplete else {
            failure = TransportError(.malformedResponse, "\(exchange.summary): a body came before the end of the head")
            return Transfer.giveUp
        }
        guard bodyBytes + body.count <= limits.bodyBytes else {
            failure = TransportError(
                .bodyTooLarge, "\(exchange.summary): the answer is longer than \(limits.bodyBytes) bytes")
            return Transfer.giveUp
        }
        switch exchange.write(body) {
        case .accepted:
            bodyBytes += body.count
            return body.count
        case .full:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        case .refused:
            return Transfer.giveUp
        }
    }

    private static let giveUp = Int(CURL_WRITEFUNC_ERROR)

    private func undoesEncoding(_ head: ResponseHead) -> Bool {
        exchange.request.method != .head && exchange.request.headerFields[.acceptEncoding] != nil
            && head.fields[.contentEncoding] != nil
    }

    // MARK: For the worker

    /// Lets a paused body go on; answers whether the transfer is broken.
    ///
    /// libcurl delivers what it has before it returns, and may be paused again meanwhile.
    func resume(now: ContinuousClock.Instant) -> Bool {
        guard isPaused else { return false }
        isPaused = false
        lastActivity = now
        // An error means that the transfer has no connection any more, or that a callback gave up: see `failure`.
        _ = ccurl_easy_pause(easy.pointer, CURLPAUSE_CONT)
        return failure != nil
    }

    /// Nobody reads the rest.
    ///
    /// Answers whether it is so little that reading it is cheaper than another connection.
    func drain(now: ContinuousClock.Instant) -> Bool {
        guard let contentLength, contentLength - bodyBytes <= Transfer.largestDrain else { return false }
        drainsUntil = now + longestDrain
        return true
    }

    private var totalDeadline: ContinuousClock.Instant? { limits.total.map { started + $0 } }

    /// A server that cannot send, because the connection is not made or the reader is behind, is not silent.
    private var idleDeadline: ContinuousClock.Instant? { isConnected && !isPaused ? lastActivity + limits.idle : nil }

    /// The next moment at which ``expiry(now:)`` may answer something new; `nil` when only libcurl's own timers run.
    var deadline: ContinuousClock.Instant? {
        var earliest = drainsUntil
        if let totalDeadline { earliest = min(earliest ?? totalDeadline, totalDeadline) }
        if let idleDeadline { earliest = min(earliest ?? idleDeadline, idleDeadline) }
        return earliest
    }

    /// The limit that has been passed.
    func expiry(now: ContinuousClock.Instant) -> TransportError? {
        if let total = limits.total, let totalDeadline, totalDeadline <= now {
            return TransportError(
                .totalTimeout, "\(exchange.summary): not complete within \(total), \(progress)")
        }
        if let idleDeadline, idleDeadline <= now {
            return TransportError(
                .idleTimeout, "\(exchange.summary): the server was silent for \(limits.idle), \(progress)")
        }
        if let drainsUntil, drainsUntil <= now {
            return TransportError(.totalTimeout, "\(exchange.summary): the unread rest did not come")
        }
        return nil
    }

    /// What libcurl's result means; `nil` when the answer is complete.
    func error(for result: CURLcode) -> TransportError? {
        if let failure { return failure }
        if result != CURLE_OK, let refusedAddress, !mayHaveConnected {
            // Without the URL: what is sent to such a transport may be a secret.
            return TransportError(
                .addressRefused, "the address of \(exchange.request.url.host) is not allowed: \(refusedAddress)")
        }
        guard result == CURLE_OK else {
            let report = FailureReport(
                result: result, detail: String(cString: errorText), hasHead: parser.isComplete, bodyBytes: bodyBytes,
                proxyStatus: easy.integer(CURLINFO_HTTP_CONNECTCODE), connectLimit: limits.connect)
            return TransportError(report.code, "\(exchange.summary): \(report.sentence)")
        }
        guard parser.isComplete else {
            // libcurl takes the end of the connection for the end of the head.
            return TransportError(.connectionLost, "\(exchange.summary): the connection broke within the head")
        }
        return nil
    }

    /// Lets the next one go to this host.
    ///
    /// To be called after the transfer was removed from libcurl.
    func releasePermit() { permit.release() }

    private var progress: String {
        if !isConnected { return "still without a connection" }
        return parser.isComplete ? "after \(bodyBytes) bytes of the body" : "before the head of the answer"
    }
}
