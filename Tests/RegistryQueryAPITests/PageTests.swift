import FoundationEssentials
import Testing

@testable import RegistryQueryAPI

struct PageTests {
    @Test("the page comes with a policy that allows its own style and script and nothing else, to everybody who asks")
    func servesPage() async throws {
        let file = try TokenFixture()
        for access in [RegistryQueryAPI.Access.local, .anonymous, file.access] {
            try await TestService.run(.with(\.access, access)) { service in
                // A browser's navigation: typed, from a bookmark, or by a link on any site.
                for site in ["none", "cross-site", "same-site", "same-origin"] {
                    let reply = try await service.get(
                        "/", ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html"))
                    #expect(reply.status == 200 && reply["content-type"] == "text/html; charset=utf-8", "\(site)")
                }
                let reply = try await service.get("/")
                #expect(reply.body == Page.shared.document && reply["cache-control"] == "no-cache")
                #expect(reply["referrer-policy"] == "no-referrer" && reply["x-content-type-options"] == "nosniff")
                let page = Page.shared
                #expect(reply["content-security-policy"] == page.policy && reply["etag"] == page.tag)
                let head = try await service.send("HEAD", "/")
                #expect(head.status == 200 && head.body.isEmpty && head["etag"] == page.tag)
                #expect(head["content-length"] == "\(page.document.count)")
            }
        }
        withExtendedLifetime(file) {}
    }

    @Test("the hashes of the policy are those of what is between the tags")
    func hashes() throws {
        let page = Page.shared
        let text = String(decoding: page.document, as: UTF8.self)
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let parts = text.components(between: "<\(tag)>", and: "</\(tag)>")
            #expect(parts.count == 1 && text.firstRange(of: "<!-- \(tag) -->") == nil)
            let hash = Data(try #require(sha256(Array((parts.first ?? "").utf8)))).base64EncodedString()
            #expect(page.policy.split(separator: "; ").contains("\(directive) 'sha256-\(hash)'"))
            // Browsers hash what they have parsed, which has no carriage returns.
            #expect(!text.contains("\r") && !text.contains("\u{0}"))
        }
        #expect(page.policy.hasPrefix("default-src 'none'; ") && !page.policy.contains("unsafe"))
        // A browser's first paint is below 100 kB, and the page has room to grow.
        #expect(page.document.count < 98_000)
    }

    @Test("indentation, blank lines and lines of comments are left out, and nothing else")
    func compacts() {
        let source = "  a {\n    b: 'c  d'; // why\n\n    // no\n  /* no */\n}\n"
        #expect(String(decoding: Page.compact(Array(source.utf8)), as: UTF8.self) == "a {\nb: 'c  d'; // why\n}\n")
        let comment = "/* no */ b { }\n/* yes\n"
        #expect(String(decoding: Page.compact(Array(comment.utf8)), as: UTF8.self) == comment)
        let script = "if (a < b) {\n  c = [d, e];\n  f = 'x = y'; // ;\n}\ng = h\nlet i = /a = b/;\n"
        #expect(
            String(decoding: Page.compactScript(Array(script.utf8)), as: UTF8.self)
                == "if(a<b){c=[d,e];f = 'x = y'; // ;\n}\ng=h\nlet i = /a = b/;\n")
        let style =
            "a b,\n  a :hover {\n  c: 'd e', 1px 2px;\n}\n/* no */\n@media (x: 1) {\n  b > c { d: calc(1px - 2px); }\n}\n"
        #expect(
            String(decoding: Page.compactStyle(Array(style.utf8)), as: UTF8.self)
                == "a b,a :hover{c:'d e',1px 2px}@media (x:1){b > c{d:calc(1px - 2px)}}")
        // A text over several lines would lose its blanks.
        let text = String(decoding: Page.shared.document, as: UTF8.self)
        #expect(text.split(separator: "\n").allSatisfy { $0.count { $0 == "`" }.isMultiple(of: 2) })
    }

    @Test("lines that are comments are left out, and a comment of several lines stays whole")
    func leavesCommentsOut() {
        let source = "/* one */\n  // two\n\n  a /* three */\n/* four\n  five */\n b // six\n/* seven */ c\n"
        let compact = String(decoding: Page.compact(Array(source.utf8)), as: UTF8.self)
        #expect(compact == "a /* three */\n/* four\nfive */\nb // six\n/* seven */ c\n")
    }

    @Test("another style makes another page")
    func tellsVersionsApart() {
        let html = Array("<!-- style --><!-- script -->".utf8)
        let (one, two) = (Page(html: html, style: [97], script: []), Page(html: html, style: [98], script: []))
        #expect(String(decoding: one.document, as: UTF8.self) == "<style>a</style><script></script>")
        #expect(one.tag != two.tag && one.policy != two.policy)
    }

    @Test("who has the page already is told so")
    func saysNotModified() async throws {
        try await TestService.run { service in
            let tag = Page.shared.tag
            for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
                let reply = try await service.get("/", ("If-None-Match", known))
                #expect(reply.status == 304 && reply.body.isEmpty && reply["etag"] == tag, "\(known)")
            }
            for other in ["\"x\"", "", String(tag.dropLast())] {
                #expect(try await service.get("/", ("If-None-Match", other)).status == 200, "\(other)")
            }
            #expect(try await service.get("/?x=1").status == 400)
            #expect(try await service.send("POST", "/").status == 405)
        }
    }
}

extension String {
    /// What stands between each pair of marks.
    fileprivate func components(between start: String, and end: String) -> [String] {
        var (found, rest) = ([String](), self[...])
        while let first = rest.firstRange(of: start)?.upperBound {
            guard let last = rest[first...].firstRange(of: end) else { break }
            found.append(String(rest[first..<last.lowerBound]))
            rest = rest[last.upperBound...]
        }
        return found
    }
}
