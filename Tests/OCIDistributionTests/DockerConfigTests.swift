import FoundationEssentials
import Testing

@testable import OCIDistribution

@Suite struct DockerConfigTests {
    private func auth(_ user: String, _ password: String = "p") -> String {
        #"{"auth": "\#(Data("\(user):\(password)".utf8).base64EncodedString())"}"#
    }

    private func config(_ json: String) throws -> DockerConfig {
        try DockerConfig(Array(json.utf8), source: "config.json")
    }

    private func users(_ auths: [String], _ host: String, _ repository: String? = nil) throws -> [String] {
        let entries = auths.map { #""\#($0)": \#(auth($0.replacing(":", with: "%")))"# }
        return try config(#"{"auths": {\#(entries.joined(separator: ","))}}"#)
            .credentials(for: RegistryHost(host), repository: repository.map { try Repository($0) })
            .map { $0.username.replacing("%", with: ":") }
    }

    @Test(arguments: [
        ("r.io", "r.io", true), ("https://r.io", "r.io", true), ("https://r.io/v1/", "r.io", true),
        ("http://r.io/v2", "r.io", true),
        ("HTTPS://R.IO/v2/", "r.io", true), ("r.io:443", "r.io", false), ("https://r.io:443", "r.io", true),
        ("http://r.io:80/", "r.io", true), ("r.io:5000", "r.io:5000", true), ("r.io", "r.io:5000", false),
        ("r.io:5000", "r.io", false), ("https://r.io:5000/v1/", "r.io:5000", true), ("other.io", "r.io", false),
        ("*.example.com", "a.example.com", true), ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false),
        ("*.*.example.com", "a.b.example.com", true), ("re*y.io", "registry.io", true), ("r?.io", "r1.io", true),
        ("r?.io", "r12.io", false), ("*.io:5000", "r.io:5000", true), ("*.io", "r.io:5000", false),
        ("*", "localhost", true),
        ("docker.io", "index.docker.io", true), ("https://index.docker.io/v1/", "docker.io", true),
        ("https://index.docker.io/v1/", "registry-1.docker.io", true), ("registry-1.docker.io", "docker.io", true),
        ("https://index.docker.io/v1/", "quay.io", false), ("[::1]:5000", "[::1]:5000", true),
    ])
    func keysMatchHosts(key: String, host: String, matches: Bool) throws {
        #expect(try users([key], host) == (matches ? [key] : []))
    }

    @Test(arguments: [
        ("r.io/team", "team/app", true), ("r.io/team", "team", true), ("r.io/team", "teamwork/app", false),
        ("r.io/team/app", "team/other", false), ("https://r.io/v2/team", "team/app", true),
        ("*.io/team", "team/app", true),
        ("r.io/team/", "team/app", true),
    ])
    func pathsMatchAtSlashesOnly(key: String, repository: String, matches: Bool) throws {
        #expect(try users([key], "r.io", repository) == (matches ? [key] : []))
        #expect(try users([key], "r.io").isEmpty)
    }

    @Test func moreSpecificKeysComeFirstAndAllThatMatchAreThere() throws {
        let keys = [
            "*.io", "http://r.io", "r.io/team", "r?.io", "https://r.io/v2/", "r.io", "r.io/team/app", "r.i?",
            "other.io",
        ]
        let expected = ["r.io/team/app", "r.io/team", "r.io", "https://r.io/v2/", "http://r.io", "r.i?", "*.io"]
        for shift in keys.indices {
            #expect(try users(Array(keys[shift...] + keys[..<shift]), "r.io", "team/app") == expected)
        }
        #expect(
            try users(["https://index.docker.io/v1/", "docker.io"], "docker.io") == [
                "docker.io", "https://index.docker.io/v1/",
            ])
    }

    @Test(arguments: [
        ("user:password", "user", "password"), ("user:pass:word", "user", "pass:word"), ("user:", "user", ""),
        ("user:p\0\0", "user", "p"), ("u\u{F6}:p\u{E4}", "u\u{F6}", "p\u{E4}"),
    ])
    func authIsSplitAtTheFirstColonWithOrWithoutPadding(plain: String, user: String, password: String) throws {
        let padded = Data(plain.utf8).base64EncodedString()
        for text in [padded, padded.filter { $0 != "=" }, padded + "\\n"] {
            let credential = try #require(
                try config(#"{"auths": {"r.io": {"auth": "\#(text)", "username": "x", "password": "y"}}}"#)
                    .credentials(for: RegistryHost("r.io"), repository: nil).first)
            #expect(credential.username == user)
            #expect(credential.password == password)
        }
    }

    @Test(arguments: [
        #"{"auth": "%%%"}"#, #"{"auth": "dXNlcg=="}"#, #"{"auth": "OnBhc3M="}"#, #"{"auth": 1}"#, #""text""#, "[]",
        #"{"password": "p"}"#, #"{"username": "a:b", "password": "p"}"#, #"{"username": "a", "password": "b\r\nX: y"}"#,
        #"{"auth": "/////w=="}"#,
    ])
    func aBadEntryIsReportedAndDoesNotSpoilTheOthers(entry: String) throws {
        let config = try config(#"{"auths": {"bad.io": \#(entry), "r.io": \#(auth("good", "hunter2"))}}"#)
        #expect(config.credentials(for: try RegistryHost("r.io"), repository: nil).map(\.username) == ["good"])
        #expect(config.credentials(for: try RegistryHost("bad.io"), repository: nil).isEmpty)
        #expect(config.problems.count == 1)
        #expect(config.problems.first?.contains("bad.io") == true)
    }

    @Test func keysThatNameNoRegistryAreReportedWithoutWhatTheyHide() throws {
        let config = try config(
            #"{"auths": {"https://me:hunter2@r.io": \#(auth("a")), "ftp://x": {}, "": {}, "r.io:x": {}}}"#)
        #expect(config.problems.count == 4)
        #expect(!config.problems.joined().contains("hunter2"))
    }

    @Test(arguments: [
        "{}", #"{"auths": {}}"#, #"{"auths": null}"#,
        #"{"auths": {"r.io": {}}, "credsStore": "", "HttpHeaders": {"a": "b"}}"#,
    ])
    func emptyEntriesAndOtherFieldsAreTolerated(json: String) throws {
        let config = try config(json)
        #expect(config.credentials(for: try RegistryHost("r.io"), repository: nil).isEmpty)
        #expect(config.problems == [])
    }

    @Test(arguments: ["", "[]", "null", #"{"auths": "#, #"{"auths": {"r.io": {"auth": "c2VjcmV0"}"#])
    func whatIsNoJSONObjectIsUnreadableAndNotQuoted(json: String) {
        let error = #expect(throws: DockerConfig.Unreadable.self) { try config(json) }
        #expect(error?.description.contains("c2VjcmV0") == false)
    }

    @Test func fieldsOfTheWrongTypeCostThemselvesOnly() throws {
        let config = try config(#"{"auths": {"r.io": \#(auth("a"))}, "credHelpers": [], "credsStore": 1}"#)
        #expect(config.problems.count == 2)
        #expect(config.credentials(for: try RegistryHost("r.io"), repository: nil).count == 1)
        let other = try self.config(#"{"auths": 3, "credHelpers": {"r.io": "../../bin/sh", "s.io": "ecr-login"}}"#)
        #expect(other.problems.count == 2)
        #expect(other.helper(for: try RegistryHost("r.io")) == nil)
        #expect(other.helper(for: try RegistryHost("s.io"))?.program == "ecr-login")
    }

    @Test func aHostsHelperComesBeforeTheStoreForAll() throws {
        let config = try config(#"{"credHelpers": {"r.io": "one", "https://h.io": "three"}, "credsStore": "two"}"#)
        #expect(config.helper(for: try RegistryHost("r.io"))?.program == "one")
        #expect(config.helper(for: try RegistryHost("r.io:5000"))?.program == "two")
        #expect(config.helper(for: try RegistryHost("h.io"))?.server == "https://h.io")
        #expect(config.helper(for: try RegistryHost("docker.io"))?.server == "https://index.docker.io/v1/")
    }

    @Test func theEnvironmentsFormIsStrict() throws {
        let good = try DockerConfig(environmentValue: #"{"auths": {"r.io": \#(auth("env"))}}"#)
        #expect(good.credentials(for: try RegistryHost("r.io"), repository: nil).map(\.username) == ["env"])
        for bad in [
            #"{"auths": {"r.io": {"auth": "dTpw", "username": "u"}}}"#, #"{"auths": {"r.io": {"username": "u"}}}"#,
            #"{"auths": {}, "credsStore": "x"}"#, #"{"auths": {"r.io": {"auth": "%"}}}"#, "dTpw",
        ] {
            #expect(throws: DockerConfig.Unreadable.self) { try DockerConfig(environmentValue: bad) }
        }
    }

    @Test func secretsAreInNoDescriptionAndNoDump() throws {
        let config = try config(
            #"{"auths": {"r.io": {"username": "u", "password": "hunter2", "identitytoken": "hunter3", "registrytoken": "hunter4"}}}"#
        )
        let credential = try #require(config.credentials(for: try RegistryHost("r.io"), repository: nil).first)
        let authorization = Authorization(kind: .basic(credential))
        let token = Authorization(kind: .token("hunter5", credential, scope: .registry, isNew: true))
        var shown = ""
        for value in [config, credential, [credential], authorization, token] as [Any] {
            shown += "\(value)" + String(reflecting: value)
            dump(value, to: &shown)
        }
        #expect(!shown.contains("hunter"))
        #expect(!shown.contains("dTpodW50ZXIy"))
        #expect(shown.contains("r.io"))
    }
}
