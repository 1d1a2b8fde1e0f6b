import Testing

@testable import Builds

@Suite("The keys of callbacks")
struct CallbackSecretTests {
    /// The bytes 0 to 23, and 0 to 63.
    static let short = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
    static let long =
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="

    private func secret(_ text: String) throws -> CallbackSecret { try CallbackSecret(Array(text.utf8)) }

    @Test("the specification's own example")
    func specification() throws {
        let signature = try secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").signatures(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("what Python's hmac computes; all keys sign, the first one goes along", arguments: ["\n", "\r\n", "  \n\n"])
    func keys(lineBreak: String) throws {
        let secret = try secret("\(Self.short)\(lineBreak)\(Self.long)\(lineBreak)")
        let signatures = secret.signatures(
            id: "msg_build-app-example-v1-2-3_1795339355125", timestamp: 1_795_339_400,
            body: Array(#"{"id":"build-app-example-v1-2-3","status":"succeeded"}"#.utf8))
        #expect(
            signatures
                == "v1,blwADYWLbbSCFTH0PMun6KMVlWqI5niQz6nGZsUj5xc= v1,ZyfByt5RH6piRt8P8yy0DLuO9jiClpbgmwq3ThBgF5g=")
        #expect(secret.first == Self.short)
    }

    @Test(
        "a file that is none says how to make one, and shows nothing of itself",
        arguments: [
            "", "\n \n", "hush", "whsec_", "whsec_hush!", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
            "WHSEC_\(short.dropFirst(6))",
            // 23 and 65 bytes, without padding, of the alphabet for URLs.
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", "whsec_" + String(repeating: "AAAA", count: 21) + "AAA=",
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA", "whsec_" + String(repeating: "__--", count: 8),
            "\(short)\nhush", Array(repeating: short, count: 9).joined(separator: "\n"),
        ])
    func malformed(text: String) throws {
        let error = #expect(throws: CallbackSecretError.self) { try secret(text) }
        #expect(error?.description.contains("openssl rand -base64 32") == true)
        #expect(error.map { !"\($0)".contains("hush") && !"\($0)".contains("AAEC") } == true)
    }

    @Test("a key is never shown")
    func hidden() throws {
        let secret = try secret(Self.short)
        #expect("\(secret) \(String(reflecting: secret))" == "1 keys 1 keys")
    }
}
