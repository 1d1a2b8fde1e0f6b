internal import CLibcrypto
internal import FoundationEssentials

/// The keys that sign callbacks: the content of `CALLBACK_SECRET_FILE`.
///
/// Each line that is not empty is a key, `whsec_` and the base64 of 24 to 64 bytes. All of them sign, so that a receiver
/// may still have the old one while a key is replaced; the first one is also sent as it is.
/// Spec: Standard Webhooks 1.0.0, "Signature scheme".
public struct CallbackSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The most keys.
    private static let most = 8

    /// The first key as it is written.
    let first: String
    /// The keys as they are written, without `whsec_`.
    let texts: [String]
    private let keys: [[UInt8]]

    /// Reads the content of the file.
    /// - Throws: ``CallbackSecretError``, which shows nothing of it.
    public init(_ bytes: [UInt8]) throws(CallbackSecretError) {
        var first: String?
        var texts: [String] = []
        var keys: [[UInt8]] = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            let text = String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }
            guard !text.isEmpty else { continue }
            guard text.hasPrefix("whsec_"), let key = Data(base64Encoded: String(text.dropFirst(6))) else {
                throw CallbackSecretError("line \(index + 1) is not whsec_ and base64")
            }
            guard (24...64).contains(key.count) else {
                throw CallbackSecretError(
                    "the key in line \(index + 1) has \(key.count) bytes, and 24 to 64 are needed")
            }
            first = first ?? text
            texts.append(String(text.dropFirst(6)))
            keys.append(Array(key))
        }
        guard let first else { throw CallbackSecretError("there is no key in the file") }
        guard keys.count <= Self.most else {
            throw CallbackSecretError("there are \(keys.count) keys, and at most \(Self.most) are of use")
        }
        self.first = first
        self.texts = texts
        self.keys = keys
    }

    /// The value of `webhook-signature`.
    func signatures(id: String, timestamp: Int, body: [UInt8]) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        return keys.map { key in
            var code = [UInt8](repeating: 0, count: 32)
            let done = rq_hmac_sha256(key, key.count, signed, signed.count, &code)
            // The one way this can fail is an OpenSSL without SHA-256, which could not make a TLS connection either.
            precondition(done == 1, "OpenSSL cannot compute HMAC-SHA-256")
            return "v1,\(Data(code).base64EncodedString())"
        }.joined(separator: " ")
    }

    /// How many keys there are, and nothing of them.
    public var description: String { "\(keys.count) keys" }

    /// As ``description``.
    public var debugDescription: String { description }
}

/// Why a file has no ``CallbackSecret``.
public struct CallbackSecretError: Error, Sendable, CustomStringConvertible {
    /// One sentence with nothing of the file, and how to make a key.
    public let description: String

    init(_ reason: String) {
        description = "\(reason); printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\" makes a key"
    }
}
