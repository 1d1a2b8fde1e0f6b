internal import FoundationEssentials
internal import HTTPTransport

/// Who the service is to a cluster, and whom it trusts to be the cluster.
///
/// Files are read again for every request, so that a rotated token, certificate or authority counts at once. No
/// description shows what they hold.
public struct ClusterCredentials: Sendable, CustomStringConvertible {
    /// Where a secret or certificate comes from.
    enum Source: Sendable, CustomStringConvertible, CustomReflectable {
        case inline([UInt8])
        case file(String)

        var description: String {
            switch self {
            case .inline: "given inline"
            case .file(let path): "the file \(path)"
            }
        }

        // Dumps and debug prints go by the mirror.
        var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }

        func read() throws(ClusterConfigurationError) -> [UInt8] {
            switch self {
            case .inline(let bytes): return bytes
            case .file(let path): return try contents(ofFile: path, limit: 1024 * 1024)
            }
        }
    }

    var token: Source?
    var authority: Source?
    var clientCertificate: Source?
    var clientKey: Source?

    /// What one request is sent with.
    struct Presented: Sendable {
        var authorization: String?
        var tls: TLSOptions
    }

    /// Reads everything as it is now.
    /// - Throws: ``ClusterConfigurationError`` for what cannot be read and for what is not what it should be. An unusable
    ///   authority is an error and never trust in somebody else.
    func current() throws(ClusterConfigurationError) -> Presented {
        var presented = Presented(authorization: nil, tls: .system)
        if let token {
            presented.authorization = "Bearer \(try Self.checkedToken(try token.read(), from: token))"
        }
        if let authority {
            presented.tls.certificateAuthorities = try Self.checked(
                try authority.read(), from: authority, label: "CERTIFICATE", what: "certificate authority")
            presented.tls.trustsSystem = false
        }
        if let clientCertificate, let clientKey {
            presented.tls.clientCertificate = TLSOptions.ClientCertificate(
                chain: try Self.checked(
                    try clientCertificate.read(), from: clientCertificate, label: "CERTIFICATE",
                    what: "client certificate"),
                privateKey: try Self.checked(
                    try clientKey.read(), from: clientKey, label: "PRIVATE KEY", what: "client key"))
        }
        return presented
    }

    /// Where everything comes from.
    public var description: String {
        let parts = [
            token.map { "token: \($0)" }, authority.map { "certificate authority: \($0)" },
            clientCertificate.map { "client certificate: \($0)" },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    private static func checkedToken(
        _ bytes: [UInt8], from source: Source
    ) throws(ClusterConfigurationError) -> String {
        let text = String(decoding: bytes, as: UTF8.self).trimming(while: \.isWhitespace)
        guard !text.isEmpty else { throw ClusterConfigurationError("the token (\(source)) is empty") }
        // Anything but visible ASCII would end the header field or change the request.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ClusterConfigurationError("the token (\(source)) has characters that no token has")
        }
        return text
    }

    private static func checked(
        _ bytes: [UInt8], from source: Source, label: String, what: String
    ) throws(ClusterConfigurationError) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !text.allSatisfy(\.isWhitespace) else {
            throw ClusterConfigurationError("the \(what) (\(source)) is empty")
        }
        guard hasBlock(text, label: label) else {
            throw ClusterConfigurationError("the \(what) (\(source)) holds no PEM block \"\(label)\"")
        }
        return bytes
    }

    /// Whether there is a PEM block whose label ends like this, with base64 in it.
    ///
    /// Spec: RFC 7468 section 3.
    private static func hasBlock(_ text: String, label: String) -> Bool {
        var content: String?
        for line in text.split(whereSeparator: \.isNewline).map({ String($0).trimming(while: \.isWhitespace) }) {
            if line.hasPrefix("-----BEGIN "), line.hasSuffix("\(label)-----") {
                content = ""
            } else if line.hasPrefix("-----END "), let encoded = content {
                guard !encoded.isEmpty, Data(base64Encoded: encoded) != nil else { return false }
                return true
            } else {
                content? += line
            }
        }
        return false
    }
}

extension String {
    func trimming(while isTrimmed: (Character) -> Bool) -> String {
        let head = drop(while: isTrimmed)
        guard let last = head.lastIndex(where: { !isTrimmed($0) }) else { return "" }
        return String(head[...last])
    }
}
