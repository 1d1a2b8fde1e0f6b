import HTTPTransport
import Testing

@Suite struct HTTPURLTests {
    @Test func partsAreTakenApart() throws {
        let url = try HTTPURL("HTTPS://Registry.Example:8443/v2/%2F..?n=1&last=a?b#part")
        #expect(url.scheme == .https)
        #expect(url.host == "registry.example")
        #expect(url.port == 8443)
        #expect(url.pathAndQuery == "/v2/%2F..?n=1&last=a?b")
        #expect(url.path == "/v2/%2F..")
        #expect(url.query == "n=1&last=a?b")
        #expect(url.authority == "registry.example:8443")
        #expect(url.description == "https://registry.example:8443/v2/%2F..?n=1&last=a?b")
        #expect(url.withoutQuery == "https://registry.example:8443/v2/%2F..")
    }

    @Test(arguments: [
        ("http://a", "http://a/"), ("http://a:80", "http://a/"), ("http://a:/", "http://a/"),
        ("https://a:443/b", "https://a/b"), ("https://a:80/", "https://a:80/"), ("http://a?b", "http://a/?b"),
        ("http://a#b", "http://a/"), ("http://[::1]:5000/", "http://[::1]:5000/"),
        ("http://[FE80::1]", "http://[fe80::1]/"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/"), ("http://a_b.c-d/", "http://a_b.c-d/"),
    ])
    func equalTextsAreOneURL(_ text: String, _ whole: String) throws {
        #expect(try HTTPURL(text).description == whole)
        #expect(try HTTPURL(text) == HTTPURL(whole))
    }

    @Test(arguments: [
        "", "a", "/a", "//a/", "ftp://a/", "file:///etc/passwd", "httpx://a/", "http:/a", "http://", "http:///b",
        "http://:80/", "http://u@a/", "http://u:secret@a/", "http://a@b@c/", "http://a b/", "http://a/ b",
        "http://a/\r\nX: y",
        "http://a/\0", "http://a\\b/", "http://a/\\", "http://%61/", "http://a:0/", "http://a:65536/", "http://a:+80/",
        "http://a:8o/", "http://a:80:80/", "http://[::1/", "http://::1/", "http://[::1]x/", "http://[1]/",
        "http://[g::]/",
        "http://[fe80::1%25eth0]/", "http://b\u{fc}cher/", "http://a/\u{fc}", "http://a;b/", " http://a/",
    ])
    func whatIsNoURLIsRefused(_ text: String) {
        let error = #expect(throws: HTTPURLError.self) { try HTTPURL(text) }
        #expect(error?.description.contains("secret") == false)
    }

    /// Spec: RFC 3986 section 5.4, as far as the results are http URLs.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"), ("g?y#s", "http://a/b/c/g?y"), (";x", "http://a/b/c/;x"), ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/../h", "http://a/b/c/h"),
        ("g?y/./x", "http://a/b/c/g?y/./x"), ("http://h/../i?j", "http://h/i?j"), ("https://h", "https://h/"),
    ])
    func referencesAreResolved(_ reference: String, _ result: String) throws {
        #expect(try HTTPURL("http://a/b/c/d;p?q").resolving(reference).description == result)
    }

    @Test(arguments: ["ftp://h/", "javascript:x", "g:h", "//u@h/", "a b", "/\r\n", "//", "http:g"])
    func referencesThatLeadElsewhereAreRefused(_ reference: String) throws {
        let base = try HTTPURL("http://a/b")
        #expect(throws: HTTPURLError.self) { try base.resolving(reference) }
    }

    @Test func originIsSchemeHostAndPort() throws {
        let url = try HTTPURL("https://a/b")
        #expect(url.isSameOrigin(as: try HTTPURL("https://A:443/c?d")))
        for other in ["http://a/b", "https://a:8443/b", "https://a.b/b", "http://a:443/b"] {
            #expect(!url.isSameOrigin(as: try HTTPURL(other)))
        }
    }

    @Test func pathsAreAppended() throws {
        #expect(try HTTPURL("http://a").appending(path: "v2", "x", "tags").description == "http://a/v2/x/tags")
        #expect(try HTTPURL("http://a/b/?q").appending(path: "c").description == "http://a/b/c?q")
        #expect(try HTTPURL("http://a/b").appending(path: "c", "").description == "http://a/b/c/")
    }

    @Test func queriesAreAppendedAndEncoded() throws {
        let items = [(name: "a b", value: "c&d=e/\u{e9}\n"), (name: "f", value: "~-._")]
        #expect(
            try HTTPURL("http://a/b").appending(query: items).description
                == "http://a/b?a%20b=c%26d%3De%2F%C3%A9%0A&f=~-._")
        #expect(try HTTPURL("http://a/b?c").appending(query: [("d", "e")]).description == "http://a/b?c&d=e")
        #expect(try HTTPURL("http://a/b?").appending(query: [("d", "e")]).description == "http://a/b?d=e")
        #expect(try HTTPURL("http://a/b").appending(query: []).description == "http://a/b")
    }
}
