import Testing

@testable import Builds

@Suite("Where builds come from")
struct GitSourceTests {
    @Test(
        "URLs of callers that can be used",
        arguments: [
            "https://github.com/kifbv/homelab-webapps.git", "http://git.example:3000/a/b",
            "ssh://git@git.example/a.git",
            "ssh://git@git.example:2222/~user/a.git", "https://[2001:db8::1]/a.git", "HTTPS://git.example/a",
        ])
    func goodURL(url: String) throws {
        #expect(try GitSource.validatedURL(url) == url)
    }

    @Test(
        "URLs of callers that are refused",
        arguments: [
            "", "file:///etc", "/etc", "../x", "git@github.com:a/b.git", "ext::sh -c id", "git://git.example/a",
            "https://",
            "https:///a", "https://git.example", "https://user:secret@git.example/a", "https://token@git.example/a",
            "ssh://git:secret@git.example/a", "ssh://git@me:secret@git.example/a", "https://git.example/a b",
            "https://git.example/$(HOME)",
            "https://-oProxy/a",
            "ssh://-oProxyCommand=id/a", "https://git.example/\u{7f}", "https://git.example/\u{e9}", "--upload-pack=id",
            "https://git.example/" + String(repeating: "a", count: 2048),
        ])
    func badURL(url: String) {
        let error = #expect(throws: InvalidInput.self) { try GitSource.validatedURL(url) }
        #expect(error?.field == "git.url")
        #expect(error?.description.contains("secret") != true)
    }

    @Test(
        "references that can be used",
        arguments: ["main", "feature/x", "refs/heads/main", "refs/tags/v1.2.3", "a_b-c.d", "v1+2"])
    func goodRef(ref: String) throws {
        #expect(try GitSource.validatedRef(ref) == ref)
    }

    @Test(
        "references that are refused",
        arguments: [
            "", "-main", "--upload-pack=id", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{1}",
            "/a", "a/",
            "a//b", ".a", "a/.b", "a.", "a.lock", "a/b.lock", "$(id)", "a\nb", "a\u{11}b", "caf\u{e9}",
            String(repeating: "a", count: 256),
        ])
    func badRef(ref: String) {
        #expect(throws: InvalidInput.self) { try GitSource.validatedRef(ref) }
    }

    @Test("only full commit ids")
    func commits() throws {
        let sha1 = String(repeating: "0a", count: 20)
        let sha256 = String(repeating: "0a", count: 32)
        #expect(try GitSource.validatedCommit(sha1) == sha1)
        #expect(try GitSource.validatedCommit(sha256) == sha256)
        for bad in ["", "HEAD", "0a0a0a0", sha1.uppercased(), sha1 + "0", String(sha1.dropLast())] {
            #expect(throws: InvalidInput.self) { try GitSource.validatedCommit(bad) }
        }
    }

    @Test(
        "subdirectories are brought into their shortest form",
        arguments: [
            ("", ""), (".", ""), ("./", ""), ("apps/my-app", "apps/my-app"), ("apps//x/", "apps/x"),
            ("./_example", "_example"),
            ("a b", "a b"), ("..a/b", "..a/b"),
            (String(repeating: "\u{e9}", count: 1024), String(repeating: "\u{e9}", count: 1024)),
        ])
    func goodSubdirectory(text: String, shortest: String) throws {
        #expect(try GitSource.validatedSubdirectory(text) == shortest)
    }

    @Test(
        "subdirectories that lead elsewhere are refused",
        arguments: [
            "..", "../x", "a/../..", "a/..", "/etc", "/", "$(HOME)", "a\\b", "a\nb", "-x", ":x", ".git", "a/.GIT/hooks",
            "/\u{301}a", "../\u{301}a", "a/../../\u{301}", "-\u{301}a",
            String(repeating: "a", count: 1025),
        ])
    func badSubdirectory(text: String) {
        let error = #expect(throws: InvalidInput.self) { try GitSource.validatedSubdirectory(text) }
        #expect(error?.field == "git.subdirectory")
    }
}
