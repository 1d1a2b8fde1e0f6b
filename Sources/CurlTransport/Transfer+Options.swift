import CLibcurl
import HTTPTransport
import HTTPTypes

extension Transfer {
    /// Tells libcurl all it has to know.
    func configure(_ settings: CurlLoop.Settings) throws(TransportError) {
        let request = exchange.request
        let context = Unmanaged.passUnretained(self).toOpaque()
        try easy.set(CURLOPT_ERRORBUFFER, pointer: errorText)
        try easy.set(CURLOPT_PRIVATE, pointer: context)
        try easy.set(CURLOPT_WRITEFUNCTION) { transfer(at: $3).receive(body: bytes($0, $1, $2)) }
        try easy.set(CURLOPT_WRITEDATA, pointer: context)
        try easy.set(CURLOPT_HEADERFUNCTION) { transfer(at: $3).receive(headerLine: bytes($0, $1, $2)) }
        try easy.set(CURLOPT_HEADERDATA, pointer: context)
        try easy.set { context, _, _, _, _ in
            transfer(at: context).connected()
            return CURL_PREREQFUNC_OK
        }
        try easy.set(CURLOPT_PREREQDATA, pointer: context)

        try easy.set(CURLOPT_NOSIGNAL, true)
        // Otherwise a cancelled or timed-out name look-up blocks this thread, and all transfers, until it is through.
        try easy.set(CURLOPT_QUICK_EXIT, true)
        try easy.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try easy.set(CURLOPT_PROTOCOLS_STR, "http,https")
        try easy.set(CURLOPT_FOLLOWLOCATION, false)
        try easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        try easy.set(CURLOPT_TCP_KEEPALIVE, true)
        // The other limits are kept in Swift: libcurl's total goes on while paused, and it has none for silence.
        try easy.set(CURLOPT_CONNECTTIMEOUT_MS, limits.connect.wholeMilliseconds)
        try easy.set(CURLOPT_USERAGENT, settings.userAgent)
        try easy.set(CURLOPT_URL, request.url.description)
        try easy.set(CURLOPT_PATH_AS_IS, true)
        if request.url.scheme == .https { try easy.set(request.tls, settings.systemTrust()) }
        if refusesAddress != nil { try setAddressCheck(context) }
        let usesProxies = refusesAddress == nil && (settings.proxies == .allRequests || request.url.scheme == .https)
        // Empty: none, whatever the environment says.
        if !usesProxies { try easy.set(CURLOPT_PROXY, "") }
        try setMethod(of: request)
        try setHeader(of: request)
    }

    private func setAddressCheck(_ context: UnsafeMutableRawPointer) throws(TransportError) {
        try easy.set { context, _, address in transfer(at: context).openSocket(address) }
        try easy.set(CURLOPT_OPENSOCKETDATA, pointer: context)
    }

    private func setMethod(of request: OutboundRequest) throws(TransportError) {
        switch (request.method, request.body) {
        case (.head, _):
            try easy.set(CURLOPT_NOBODY, true)
        case (.get, nil):
            try easy.set(CURLOPT_HTTPGET, true)
        case (let method, nil) where method == .delete || method == .options || method == .trace:
            try easy.set(CURLOPT_HTTPGET, true)
            try easy.set(CURLOPT_CUSTOMREQUEST, method.rawValue)
        case (let method, let body):
            try easy.set(CURLOPT_POST, true)
            try easy.set(body: body ?? [])
            try easy.set(CURLOPT_CUSTOMREQUEST, method.rawValue)
        }
        // libcurl sends a request again when a kept connection turns out to be closed. Whether the server acted on it
        // is unknown then, so what must not happen twice gets a connection of its own.
        if !request.method.isIdempotent { try easy.set(CURLOPT_FRESH_CONNECT, true) }
    }

    private func setHeader(of request: OutboundRequest) throws(TransportError) {
        // libcurl would add these by itself; a name without a value keeps it from that.
        for name in ["Accept", "Content-Type", "Expect"] where request.headerFields.first(named: name) == nil {
            try append(headerLine: "\(name):")
        }
        for field in request.headerFields {
            if field.name == .acceptEncoding {
                // Given as an option, so that libcurl also undoes the encoding.
                try easy.set(CURLOPT_ACCEPT_ENCODING, field.value)
            } else {
                // ";" is how libcurl wants to be told of an empty value.
                try append(
                    headerLine: field.value.isEmpty ? "\(field.name.rawName);" : "\(field.name.rawName): \(field.value)"
                )
            }
        }
        try easy.set(CURLOPT_HTTPHEADER, list: headerLines)
    }

    private func append(headerLine: String) throws(TransportError) {
        guard let list = curl_slist_append(headerLines, headerLine) else {
            throw TransportError(.other, "libcurl has no memory left")
        }
        headerLines = list
    }
}

private func transfer(at context: UnsafeMutableRawPointer) -> Transfer {
    Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}

private func bytes(_ start: UnsafeMutablePointer<CChar>, _ size: Int, _ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start, count: size * count)
}

extension Duration {
    /// At least one, because zero is "no limit" to libcurl, and at most what libcurl takes.
    fileprivate var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        let limit = Int64(Int32.max)
        guard seconds < limit / 1000 else { return Int(limit) }
        return max(1, Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}

extension HTTPRequest.Method {
    /// Spec: RFC 9110 section 9.2.2.
    fileprivate var isIdempotent: Bool {
        [.get, .head, .options, .trace, .put, .delete].contains(self)
    }
}

extension HTTPFields {
    fileprivate func first(named name: String) -> HTTPField? {
        HTTPField.Name(name).flatMap { name in first { $0.name == name } }
    }
}
