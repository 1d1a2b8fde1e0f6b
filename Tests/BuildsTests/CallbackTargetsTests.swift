import HTTPTransport
import Testing

@testable import Builds

@Suite("Where callbacks may go")
struct CallbackTargetsTests {
    @Test(
        "a URL that an entry names may be called",
        arguments: [
            ("n8n.example", "https://n8n.example/webhook-waiting/1?signature=a%2Fb"),
            ("n8n.example", "https://N8N.EXAMPLE:8443/"), ("N8N.Example", "HTTPS://n8n.example"),
            ("n8n.example:8443", "https://n8n.example:8443/"), ("https://n8n.example", "https://n8n.example:1/"),
            ("n8n.example:443", "https://n8n.example/"), ("http://n8n.n8n.svc:5678", "http://n8n.n8n.svc:5678/a"),
            ("http://n8n", "http://n8n/"), ("*.example", "https://a.example/"), ("*.example", "https://a.b.example/"),
            ("[2001:db8::1]:5678", "https://[2001:DB8:0:0::1]:5678/"), ("192.0.2.1", "https://192.0.2.1/"),
            ("a.example , http://b.example,", "http://b.example/"),
            ("xn--bcher-kva.example", "https://xn--bcher-kva.example/"),
        ])
    func allowed(setting: String, url: String) throws {
        #expect(try CallbackTargets(setting).check(url).pathAndQuery.hasPrefix("/"))
    }

    @Test(
        "anything else may not, however it is written",
        arguments: [
            "https://evil.example/", "https://allowed.example.evil/", "https://evilallowed.example/",
            "https://allowed.example./", "https://.allowed.example/", "https://allowed..example/",
            "http://allowed.example/", "https://port.example/", "https://port.example:8444/", "https://sub.example/",
            "https://.sub.example/", "https://a..sub.example/", "https://a.sub.example.evil/", "https://asub.example/",
            "https://a.sub.example:1@evil.example/", "https://allowed.example@evil.example/",
            "https://user:password@allowed.example/", "https://allowed.example\\@evil.example/",
            "https://allowed.example\\.evil.example/", "https://allowed.example%2eevil.example/",
            "https://allowed%2Eexample/", "https://%61llowed.example/", "https://evil.example/allowed.example",
            "https://evil.example?allowed.example/", "https://evil.example#allowed.example",
            "https://allowed.example/#a",
            "https://\u{430}llowed.example/", "https://allowed\u{3002}example/",
            "https://allowed.example\u{ff0f}.evil/",
            "https://allowed.ex\u{ad}ample/", "https://[::ffff:192.0.2.2]/", "https://[2001:db8::2]/",
            "https://[2001:db8::1%25eth0]/", "https://3221225985/", "https://0xc0000201/", "https://192.0.513/",
            "https://0300.0.2.1/", "https://127.0.0.1/", "https://localhost/", "ftp://allowed.example/",
            "file:///etc/passwd", "gopher://allowed.example/", "javascript:alert(1)", "//allowed.example/",
            "allowed.example", "https:/allowed.example/", "https:///allowed.example/", "https://", "",
            " https://allowed.example/", "https://allowed.example /", "https://allowed.example/\r\nHost: evil.example",
            "https://allowed.example\t/", "https://allowed.example:0/", "https://allowed.example:65536/",
            "https://allowed.example:/x:y@z\0",
        ])
    func refused(url: String) throws {
        let targets = try CallbackTargets(
            "allowed.example, port.example:8443, *.sub.example, 192.0.2.1, [2001:db8::1], http://plain.example")
        let error = #expect(throws: InvalidInput.self) { try targets.check(url) }
        #expect(error?.field == "callbackUrl")
    }

    @Test("an empty port is the scheme's, and the URL stays as it is")
    func verbatim() throws {
        let path = "/webhook-waiting/42/?signature=a%2Fb%2bc+d&x=&&y=%zz/../"
        let url = try CallbackTargets("n8n.example").check("https://n8n.example:\(path)")
        #expect(url.pathAndQuery == path && url.port == 443)
    }

    @Test("plain HTTP is for the hosts that were written with it")
    func plainHTTP() throws {
        let targets = try CallbackTargets("http://a.example, b.example")
        #expect(throws: InvalidInput.self) { try targets.check("https://a.example/") }
        let error = #expect(throws: InvalidInput.self) { try targets.check("http://b.example/") }
        #expect(error?.reason.contains("an entry without http:// allows https only") == true)
    }

    @Test("a refusal says what is allowed, and nothing of the URL beyond its host")
    func reasons() throws {
        let targets = try CallbackTargets("n8n.example:8443")
        let urls = [
            "https://evil.example/hush-1?signature=hush-2", "https://hush-3:hush-4@n8n.example:8443/",
            "https://n8n.example:8443/hush-5#x", "https://n8n.example:8443/hush-6 x",
            "https://n8n.example:8443/" + String(repeating: "hush-7", count: 400),
        ]
        for url in urls {
            let error = #expect(throws: InvalidInput.self) { try targets.check(url) }
            #expect(error?.description.contains("hush") == false, "\(error?.description ?? "")")
        }
        let error = #expect(throws: InvalidInput.self) { try targets.check(urls[0]) }
        #expect(
            error?.reason.contains("https://evil.example") == true
                && error?.reason.contains("https://n8n.example:8443") == true)
        #expect(error?.reason.contains("CALLBACK_ALLOWED_HOSTS") == true)
    }

    @Test("at most 2,048 bytes", arguments: [(2048, true), (2049, false)])
    func length(bytes: Int, isAllowed: Bool) throws {
        let start = "https://n8n.example/"
        let url = start + String(repeating: "a", count: bytes - start.utf8.count)
        let targets = try CallbackTargets("n8n.example")
        #expect(((try? targets.check(url)) != nil) == isAllowed)
    }

    @Test("nothing is allowed by an empty setting", arguments: ["", " ", ",", " , "])
    func empty(setting: String) throws {
        let targets = try CallbackTargets(setting)
        #expect(targets.isEmpty && targets == .none)
        #expect(throws: InvalidInput.self) { try targets.check("https://n8n.example/") }
    }

    @Test(
        "a setting that cannot be meant is an error that shows the entry",
        arguments: [
            "*", "https://*", "*.", "a.*.example", "*a.example", "ftp://a.example", "a.example/path", "a.example?x",
            "a.example#x",
            "user@a.example", "a.example:", "a.example:x", "a.example:0", "a example", "a.example.", "a..example",
            "*.192.0.2.1", "*.[::1]", "[::1", "::1", "127.1", "2130706433", "\u{fc}.example", "https://",
            "b.example,,*",
        ])
    func malformed(setting: String) throws {
        let error = #expect(throws: InvalidInput.self) { try CallbackTargets(setting) }
        #expect(error?.field == "CALLBACK_ALLOWED_HOSTS" && error?.reason.contains("no [scheme://]host[:port]") == true)
    }

    @Test("what is read can be shown")
    func description() throws {
        let text = "A.example, http://*.b.example:80,[::1]:1"
        #expect(try CallbackTargets(text).description == "https://a.example, http://*.b.example:80, https://[::1]:1")
    }

    // MARK: Addresses

    private static let apiServer = ["10.0.0.1", "2001:db8::a"]

    @Test(
        "an address that is no receiver's is refused, however it is wrapped",
        arguments: [
            "169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255",
            "100.100.100.200", "168.63.129.16", "192.0.0.192", "127.0.0.1", "127.255.255.254", "10.0.0.1",
            "::", "::1", "fe80::1", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "2001:db8::a",
            // Mapped, compatible, NAT64, local NAT64 with each length of prefix, 6to4, Teredo (server, client), ISATAP.
            "::ffff:169.254.169.254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::169.254.169.254", "::127.0.0.1",
            "64:ff9b::169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0", "2002:a9fe:a9fe::1",
            "2002:7f00:1::", "2002:a00:1::", "2001:0:a9fe:a9fe::1", "2001::5601:5601", "2001:db8::5efe:a9fe:a9fe",
            "2001:db8::200:5efe:a00:1",
        ])
    func refusedAddresses(text: String) throws {
        let address = try #require(IPAddress(text))
        let apiServer = Self.apiServer.compactMap(IPAddress.init(_:))
        #expect(try CallbackTargets("n8n.example, *.localhost").refuses(address, apiServer: apiServer))
    }

    @Test(
        "public and private addresses are not",
        arguments: [
            "192.0.2.1", "10.0.0.2", "10.43.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.201",
            "8.8.8.8", "169.253.0.1", "126.0.0.1", "128.0.0.1", "223.255.255.255", "2001:db8::1", "fd12::1",
            "fec0::1", "fd00:ec2::253", "64:ff9b::192.0.2.1", "2002:c000:201::1", "::ffff:192.168.1.1",
        ])
    func allowedAddresses(text: String) throws {
        let address = try #require(IPAddress(text))
        let apiServer = Self.apiServer.compactMap(IPAddress.init(_:))
        #expect(try !CallbackTargets("n8n.example").refuses(address, apiServer: apiServer))
    }

    @Test(
        "loopback is for an entry that names it",
        arguments: [
            ("localhost", true), ("http://127.0.0.1:5678", true), ("[::1]", true),
            ("http://localhost:5678, a.example", true),
            ("a.example", false), ("*.localhost", false), ("localhost.example", false), ("", false),
        ])
    func loopback(setting: String, isAllowed: Bool) throws {
        let targets = try CallbackTargets(setting)
        for text in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let address = try #require(IPAddress(text))
            #expect(targets.refuses(address, apiServer: []) == !isAllowed, "\(text)")
            #expect(targets.refuses(address, apiServer: [address]), "the API server may be there, too")
        }
    }
}
