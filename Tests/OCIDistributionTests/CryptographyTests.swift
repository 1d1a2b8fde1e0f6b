import CLibcrypto
import Testing

@Suite struct CryptographyTests {
    private func hmac(_ key: String, _ text: String) -> String {
        var code = [UInt8](repeating: 0, count: 32)
        let (key, text) = (Array(key.utf8), Array(text.utf8))
        #expect(rq_hmac_sha256(key, key.count, text, text.count, &code) == 1)
        return code.map { String(($0 >> 4), radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    @Test func hmacIsThatOfThePublishedVectors() {
        // GitHub's documentation of webhook signatures, and RFC 4231 section 4.3.
        #expect(
            hmac("It's a Secret to Everybody", "Hello, World!")
                == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
        #expect(
            hmac("Jefe", "what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func anEmptyKeyIsAKeyAndNotTheOneOfTheCallBefore() {
        let empty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        _ = hmac("another key", "")
        #expect(hmac("", "") == empty)
        var code = [UInt8](repeating: 0, count: 32)
        #expect(rq_hmac_sha256(nil, 0, nil, 0, &code) == 1)
        #expect(code.prefix(2) == [0xB6, 0x13])
    }

    @Test func comparisonTellsEqualFromDifferent() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(rq_equal_in_constant_time(bytes, [1, 2, 3], 3) == 1)
        #expect(rq_equal_in_constant_time(bytes, [1, 2, 4], 3) == 0)
        #expect(rq_equal_in_constant_time(bytes, [0, 2, 3], 3) == 0)
        #expect(rq_equal_in_constant_time(nil, nil, 0) == 1)
    }
}
