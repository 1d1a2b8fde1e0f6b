import CLibcurl
import HTTPTransport

/// What libcurl says about a failed transfer, in the terms of ``TransportError``.
struct FailureReport {
    let result: CURLcode
    /// libcurl's own sentence; may be empty.
    let detail: String
    /// Whether the head of the final answer was complete.
    let hasHead: Bool
    let bodyBytes: Int
    /// The status with which a proxy answered `CONNECT`, or zero.
    let proxyStatus: Int
    let connectLimit: Duration

    var code: TransportError.Code {
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameResolution
        // libcurl keeps no other limit than the one for connecting.
        case CURLE_COULDNT_CONNECT, CURLE_PROXY, CURLE_OPERATION_TIMEDOUT: .connect
        // A connection cut during the handshake says nothing about certificates.
        case CURLE_SSL_CONNECT_ERROR: wasCut ? .connect : .tls
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CLIENTCERT, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_INVALIDCERTSTATUS:
            .tls
        case CURLE_RECV_ERROR where proxyStatus >= 300: .connect
        case CURLE_RECV_ERROR where detail.contains("chunked-encoding"): .malformedResponse
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: .connectionLost
        // HTTP/0.9, that is, no status line, is an unsupported protocol to libcurl.
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: .malformedResponse
        // A header line beyond libcurl's own limit of 100 KiB.
        case CURLE_OUT_OF_MEMORY where !hasHead, FailureReport.tooLarge where !hasHead: .headerTooLarge
        case CURLE_URL_MALFORMAT: .invalidRequest
        default: .other
        }
    }

    var sentence: String {
        let library = detail.isEmpty ? String(cString: curl_easy_strerror(result)) : detail
        return "\(summary) (libcurl error \(result.rawValue): \(redacted(library)))"
    }

    private var summary: String {
        switch code {
        case .nameResolution: "the host name could not be resolved; check its spelling and the DNS"
        case .connect where result == CURLE_OPERATION_TIMEDOUT: "no connection within \(connectLimit)"
        case .connect where proxyStatus >= 300: "the proxy answered \(proxyStatus)"
        case .connect: "no connection could be made"
        case .tls: "the TLS handshake failed"
        case .connectionLost where hasHead: "the connection broke after \(bodyBytes) bytes of the body"
        case .connectionLost: "the connection broke before the head of the answer"
        case .malformedResponse: "the answer is not HTTP as specified"
        case .headerTooLarge: "a header line is too long"
        case .invalidRequest: "the URL cannot be used"
        default: "the exchange failed"
        }
    }

    /// `CURLE_TOO_LARGE`, which libcurl has had since 8.6.
    private static let tooLarge = CURLcode(rawValue: 100)

    private var wasCut: Bool {
        ["SSL_ERROR_SYSCALL", "Connection reset by peer", "unexpected eof"].contains { detail.contains($0) }
    }
}
