import FoundationEssentials
import OCIDistribution

/// HMAC-SHA-256 as the specification has it, to check the service's own against.
///
/// Spec: RFC 2104 section 2.
enum DaySignature {
    /// The code of a message in hexadecimal digits.
    static func code(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        func sha256(_ bytes: [UInt8]) -> [UInt8] {
            let digits = Array(Digest.sha256(of: bytes).hex)
            return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        }
        var block = key.count > 64 ? sha256(key) : key
        block += Array(repeating: 0, count: 64 - block.count)
        return sha256(block.map { $0 ^ 0x5c } + sha256(block.map { $0 ^ 0x36 } + message))
    }

    /// The value of `X-Hub-Signature-256`.
    static func gitHub(_ body: String, secret: String) -> String {
        let code = code(Array(body.utf8), key: Array(secret.utf8))
        return "sha256=" + code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The value of `webhook-signature`.
    ///
    /// Spec: Standard Webhooks 1.0.0, "Signature scheme".
    static func standardWebhooks(id: String, timestamp: String, body: [UInt8], secret: String) -> String {
        let key = Data(base64Encoded: String(secret.dropFirst("whsec_".count))).map(Array.init) ?? []
        return "v1,\(Data(code(Array("\(id).\(timestamp).".utf8) + body, key: key)).base64EncodedString())"
    }
}
