import FoundationEssentials
import OCIDistribution
import Testing

/// Swift Testing has a type of this name, too.
typealias Tag = OCIDistribution.Tag

@Suite struct ValueTests {
    @Test(
        arguments: [
            ("registry.k8s-lab.dev", "registry.k8s-lab.dev", nil),
            ("registry.k8s-lab.dev:443", "registry.k8s-lab.dev", 443),
            ("docker-registry.registry.svc.cluster.local:5000", "docker-registry.registry.svc.cluster.local", 5000),
            ("localhost", "localhost", nil),
            ("127.0.0.1:65535", "127.0.0.1", 65_535),
            ("Registry.Example.COM", "registry.example.com", nil),
            ("[::1]:5000", "[::1]", 5000),
            ("[FE80::1]", "[fe80::1]", nil),
        ] as [(String, String, Int?)])
    func hostsAreReadInLowerCaseWithTheirPort(text: String, name: String, port: Int?) throws {
        let host = try RegistryHost(text)
        #expect(host.name == name)
        #expect(host.port == port)
        #expect(host.description == text.lowercased())
    }

    @Test(arguments: [
        "", ":5000", "host:", "host:0", "host:65536", "host:+5", "host:5000:1", "https://host", "host/path", "-host",
        "host-",
        "a..b", "under_score.example", "user@host", "::1", "[::1", "[::1]x", "[not-v6]", "h\u{F6}st", "host ",
        "host:5000\n",
        String(repeating: "a", count: 64), String(repeating: "a.", count: 127),
    ])
    func otherTextIsNoHost(text: String) {
        #expect(throws: InvalidValue.self) { try RegistryHost(text) }
    }

    @Test(arguments: [
        "webapp/app-example", "a", "0", "library/ubuntu", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b/c/d", "app-1.2_3",
        String(repeating: "a", count: 255),
    ])
    func repositoryNamesFollowTheGrammar(text: String) throws {
        #expect(try Repository(text).name == text)
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", "A", "webapp/App", "a..b", "a___b", "a._b", "a_-b", ".a", "a.", "-a", "a-", "_a",
        "a_", "a:b",
        "a@b", "a b", "a\n", "../etc", "a/../b", "\u{E4}", "a?b", "a%2fb", String(repeating: "a", count: 256),
    ])
    func otherTextIsNoRepositoryName(text: String) {
        #expect(throws: InvalidValue.self) { try Repository(text) }
    }

    @Test(arguments: [
        "v1.2.3", "latest", "_", "2024.01.02", "sha-abc", "A", "1", "a.-_b", String(repeating: "a", count: 128),
    ])
    func tagsFollowTheGrammar(text: String) throws {
        #expect(try Tag(text).name == text)
    }

    @Test(arguments: [
        "", "v1.2.3+build", ".a", "-a", "a b", "a/b", "a:b", "a@b", "\u{E9}", "a\n", String(repeating: "a", count: 129),
    ])
    func otherTextIsNoTagAndBuildMetadataNeitherFits(text: String) {
        #expect(throws: InvalidValue.self) { try Tag(text) }
    }

    @Test func digestsAreThoseOfTheBytes() throws {
        // Vectors of FIPS 180-2, appendices B and C.
        let abc = Array("abc".utf8)
        #expect(
            Digest.sha256(of: abc).description
                == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest.sha256(of: []).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Digest.sha256(of: abc[1...]) != Digest.sha256(of: abc))
        let long = try Digest(
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")
        #expect(long.matches(abc))
        #expect(!long.matches(Array("abd".utf8)))
        #expect(try Digest(Digest.sha256(of: abc).description).matches("abc".utf8))
    }

    @Test(arguments: [
        "", "sha256", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:" + String(repeating: "A", count: 64), "sha256:" + String(repeating: "g", count: 64),
        "sha256:" + String(repeating: "a", count: 65), "sha512:" + String(repeating: "a", count: 64),
    ])
    func otherTextIsNoDigest(text: String) {
        #expect(throws: InvalidValue.self) { try Digest(text) }
    }

    @Test func referencesPrintAsTheyAreWritten() throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        for text in [
            "registry.k8s-lab.dev/webapp/app-example:v1.0.0", "localhost:5000/a:b", "localhost/a", "[::1]:5000/a/b:c",
            "r.io/a@\(digest)", "r.io/a:t@\(digest)",
        ] {
            #expect(try ImageReference(text).description == text)
        }
        let reference = try ImageReference("registry.k8s-lab.dev:443/webapp/app-example:v1.0.0")
        #expect(reference.host.port == 443)
        #expect(reference.repository.name == "webapp/app-example")
        #expect(reference.tag?.name == "v1.0.0")
        #expect(reference.digest == nil)
    }

    @Test(arguments: [
        "nginx", "library/nginx", "r.io/", "r.io/A", "r.io/a:", "r.io/a@sha256:12", "https://r.io/a", "r.io/a:b:c",
    ])
    func referencesWithoutAHostOrWithInvalidPartsAreRefused(text: String) {
        #expect(throws: InvalidValue.self) { try ImageReference(text) }
    }

    @Test func hostAndRepositoryHaveAtMost255CharactersTogether() throws {
        let host = try RegistryHost("r.io")
        #expect(throws: Never.self) {
            try ImageReference(host: host, repository: Repository(String(repeating: "a", count: 250)))
        }
        #expect(throws: InvalidValue.self) {
            try ImageReference(host: host, repository: Repository(String(repeating: "a", count: 251)))
        }
    }

    @Test func valuesTravelAsTextInJSON() throws {
        let json = #"["webapp/app-example"]"#
        let read = try JSONDecoder().decode([Repository].self, from: Data(json.utf8))
        #expect(String(decoding: try JSONEncoder().encode(read), as: UTF8.self).filter { $0 != "\\" } == json)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([Tag].self, from: Data(#"["a b"]"#.utf8)) }
    }

    @Test func errorsSayWhatIsWrongWithoutControlCharactersOrEndlessText() {
        let error = #expect(throws: InvalidValue.self) { try Tag("a\u{1B}[31m" + String(repeating: "x", count: 500)) }
        #expect(error?.description.contains("is not a tag: it is longer than 128 characters") == true)
        #expect(error?.description.contains("\u{1B}") == false)
        #expect((error?.description.count ?? 1000) < 200)
    }
}
