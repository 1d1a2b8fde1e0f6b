import HTTPTransport
import Testing

@Suite struct RedactionTests {
    @Test(arguments: [
        "Authorization: Basic s3cret==", "authorization: Bearer s3cret", "Proxy-Authorization: x s3cret",
        "Cookie: a=b; c=s3cret", "{\"Authorization\":\"Basic s3cret\"}", "sent Bearer s3cret to it", "Basic s3cret==",
        "https://user:s3cret@host/path", "https://s3cret@host", "at http://u:s3cret@h/, then", "http://a:b@s3cret@h/",
        "https://host/?token=s3cret", "https://host/?a=b&access_token=s3cret&c=d", "?X-Amz-Signature=s3cret",
        "?sig=s3cret",
        "{\"token\":\"s3cret\"}", "{\"access_token\" : \"s3cret\", \"x\": 1}", "{\"identitytoken\":\"s3cret\"}",
        "{\\\"token\\\":\\\"s3cret\\\"}", "{\"password\":\"a\\\"s3cret\"}", "password=s3cret", "password: s3cret",
        "client_secret=s3cret", "X-Registry-Token: s3cret", "\"auth\": \"s3cret\"", "api_key=s3cret",
        "refresh_token=s3cret&service=a", "cut off: {\"token\":\"s3cret",
        "eyJhbGciOiJub25lIn0.s3cret0123456789.s3cret", "saw eyJhbGciOiJub25lIn0.s3cret_-.x here",
    ])
    func credentialsAreRemoved(_ text: String) {
        let result = redacted(text)
        #expect(!result.contains("s3cret"), "\(result)")
        #expect(result.contains("***"))
        #expect(!redacted("before \(text) after").contains("s3cret"))
    }

    @Test(arguments: [
        "", "plain text", "https://host:5000/v2/?n=1&last=a", "unauthorized: authentication required",
        "Bearer realm=\"https://auth.example/token\",service=\"a\"", "Basic realm=x", "user@example.com wrote",
        "could not get a token: connection refused", "the tokens are gone", "{\"errors\":[{\"code\":\"DENIED\"}]}",
        "Bearer", "token", "https://host/a@b", "caf\u{e9} \u{2026} \u{1F600}",
    ])
    func everythingElseStays(_ text: String) {
        #expect(redacted(text) == text)
    }

    @Test func restOfTheTextStays() {
        #expect(
            redacted("GET https://u:p@h/a?token=x&b=c said {\"token\":\"y\",\"z\":1}")
                == "GET https://***@h/a?token=***&b=c said {\"token\":\"***\",\"z\":1}")
        #expect(redacted("Authorization: Basic eA==\nHost: a") == "Authorization: *** Host: a")
    }

    @Test func controlCharactersBecomeSpaces() {
        #expect(redacted("a\u{1B}[31mb\r\nc\0d\u{7F}e\u{9B}f\tg") == "a [31mb  c d e f g")
        #expect(redacted("Bearer\tabc") == "Bearer ***")
    }

    @Test func lengthIsBounded() {
        #expect(redacted(String(repeating: "x", count: 300)).count == 300)
        #expect(redacted(String(repeating: "x", count: 301)) == String(repeating: "x", count: 300) + "\u{2026}")
        #expect(redacted(String(repeating: "\u{1F600}", count: 100_000), limit: 10).count == 11)
        #expect(redacted("abcdef", limit: 3) == "abc\u{2026}")
    }

    @Test func secretThatIsCutIsNotShown() {
        let long = String(repeating: "s3cret", count: 10_000)
        for text in ["https://user:\(long)@host/", "token=\(long)", "{\"token\":\"\(long)\"}", "Bearer \(long)"] {
            #expect(!redacted(text).contains("s3cret"))
        }
    }
}
