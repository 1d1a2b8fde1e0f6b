import FoundationEssentials
import Glibc
import RegistryTesting
import Testing

@testable import OCIDistribution

@Suite struct CredentialStoreTests {
    private let directory: TemporaryDirectory
    private let host: RegistryHost

    init() throws {
        directory = try TemporaryDirectory()
        host = try RegistryHost("r.io")
    }

    private func store(
        environment: [String: String] = [:], clock: any Clock<Duration> = ContinuousClock(),
        helperDeadline: Duration = .seconds(50)
    ) -> CredentialStore {
        CredentialStore(
            directory: directory.path, environment: environment, helperDeadline: helperDeadline, clock: clock,
            logger: .quiet)
    }

    private func users(_ store: CredentialStore, _ hosts: [RegistryHost]? = nil, again: Bool = false) async -> [String]
    {
        await store.credentials(for: hosts ?? [host], repository: app, askingHelpersAgain: again).map(\.username)
    }

    private func auths(_ users: String...) -> String {
        Fixture.auths(zip(["r.io", "*.io", "r.*"], users).map { ($0, $1, "pw") })
    }

    // MARK: The file

    @Test func aMissingFileMeansNoCredentialsAndNoProblem() async throws {
        let store = store()
        #expect(await users(store) == [])
        #expect(await store.problems == [])
        try directory.write(auths("a"), to: "config.json")
        #expect(await users(store) == ["a"])
        try FileManager.default.removeItem(atPath: directory.path("config.json"))
        #expect(await users(store) == [])
        #expect(await users(CredentialStore(directory: nil, logger: .quiet)) == [])
    }

    @Test func newContentCountsAtOnceEvenWithTheSameTimeAndSize() async throws {
        let store = store()
        let moment = Date(timeIntervalSince1970: 1_700_000_000)
        for user in ["aaa", "bbb"] {
            try directory.write(auths(user), to: "config.json")
            try FileManager.default.setAttributes(
                [.modificationDate: moment], ofItemAtPath: directory.path("config.json"))
            #expect(await users(store) == [user])
        }
    }

    @Test func aSecretVolumesSwapOfItsLinkIsSeen() async throws {
        // As kubelet's atomic writer does it: config.json -> ..data/config.json, ..data -> a directory named after the
        // time.
        func publish(_ version: String, _ user: String) throws {
            try directory.write(auths(user), to: "..\(version)/config.json")
            symlink("..\(version)", directory.path("..data_tmp"))
            #expect(rename(directory.path("..data_tmp"), directory.path("..data")) == 0)
        }
        try publish("2026_01", "old")
        symlink("..data/config.json", directory.path("config.json"))
        let store = store()
        #expect(await users(store) == ["old"])
        try publish("2026_02", "new")
        try FileManager.default.removeItem(atPath: directory.path("..2026_01"))
        #expect(await users(store) == ["new"])
    }

    @Test func whatCannotBeReadKeepsTheLastGoodContentAndIsReported() async throws {
        let store = store()
        try directory.write(auths("good"), to: "config.json")
        #expect(await users(store) == ["good"])
        for bad in [
            "{\"auths\": {\"r.io\": {\"auth\": \"hunter2", "", "[]", String(repeating: " ", count: 1 << 20) + "{}",
        ] {
            try directory.write(bad, to: "config.json")
            #expect(await users(store) == ["good"])
            #expect(await store.problems.count == 1)
            #expect(await store.problems.joined().contains("hunter2") == false)
        }
        try FileManager.default.removeItem(atPath: directory.path("config.json"))
        try FileManager.default.createDirectory(
            atPath: directory.path("config.json"), withIntermediateDirectories: false)
        #expect(await users(store) == ["good"])
        #expect(await store.problems.count == 1)
        try FileManager.default.removeItem(atPath: directory.path("config.json"))
        try directory.write(auths("better"), to: "config.json")
        #expect(await users(store) == ["better"])
        #expect(await store.problems == [])
    }

    @Test(.timeLimit(.minutes(5))) func aPipeInTheFilesPlaceHoldsNobodyUp() async throws {
        #expect(mkfifo(directory.path("config.json"), 0o600) == 0)
        #expect(await users(store()) == [])
    }

    @Test func entriesThatCannotBeUsedAreReportedWhileTheOthersWork() async throws {
        try directory.write(
            #"{"auths": {"r.io": {"auth": "\#(basic("good", "pw"))"}, "bad.io": {"auth": "%"}}}"#, to: "config.json")
        let store = store()
        #expect(await users(store) == ["good"])
        #expect(await store.problems.count == 1)
    }

    @Test func aProblemIsLoggedOnceAndNotForEveryRequest() async throws {
        let recorder = LogRecorder()
        let store = CredentialStore(directory: directory.path, logger: recorder.logger)
        try directory.write(#"{"auths": {"bad.io": {"auth": "%hunter2"}}}"#, to: "config.json")
        for _ in 0..<3 { _ = await users(store) }
        #expect(recorder.lines.count == 1)
        #expect(recorder.lines.first?.contains("bad.io") == true)
        #expect(recorder.lines.first?.contains("hunter2") == false)
    }

    @Test func hostsAreLookedUpInOrderAndNothingTwice() async throws {
        try directory.write(
            Fixture.auths([("r.io", "outside", "pw"), ("inner:5000", "inside", "pw"), ("inner:*", "x", "pw")]),
            to: "config.json")
        let inner = try RegistryHost("inner:5000")
        #expect(await users(store(), [inner, host]) == ["inside", "outside"])
        #expect(await users(store(), [host, host]) == ["outside"])
    }

    // MARK: The environment

    @Test func theEnvironmentComesBeforeTheFileAndAMistakeInItIsReported() async throws {
        try directory.write(auths("file"), to: "config.json")
        let good = store(environment: [
            "DOCKER_AUTH_CONFIG": #"{"auths": {"r.io": {"auth": "\#(basic("env", "pw"))"}}}"#
        ])
        #expect(await users(good) == ["env", "file"])
        let bad = store(environment: [
            "DOCKER_AUTH_CONFIG": #"{"auths": {"r.io": {"username": "env", "password": "hunter2"}}}"#
        ])
        #expect(await users(bad) == ["file"])
        #expect(await bad.problems.joined().contains("DOCKER_AUTH_CONFIG"))
        #expect(await bad.problems.joined().contains("hunter2") == false)
    }

    // MARK: Helpers

    /// Installs `docker-credential-test`, which counts its calls, and answers the environment to find it with.
    private func helper(_ script: String, config: String = #"{"credHelpers": {"r.io": "test"}}"#) throws -> [String:
        String]
    {
        try directory.write(config, to: "config.json")
        try directory.write(
            "#!/bin/sh\necho \"$1 $(cat)\" >> \(directory.path("calls"))\n\(script)\n",
            to: "bin/docker-credential-test",
            permissions: 0o700)
        return ["PATH": "\(directory.path("bin")):/usr/bin:/bin"]
    }

    private func calls() -> [String] { (try? directory.read("calls"))?.split(separator: "\n").map(String.init) ?? [] }

    private static let answer = #"echo '{"ServerURL": "r.io", "Username": "helped", "Secret": "s3cret"}'"#

    @Test func aHelperGetsTheServerOnItsInputAndItsAnswerIsKeptForAnHour() async throws {
        let clock = ManualClock()
        let store = store(environment: try helper(Self.answer), clock: clock)
        #expect(await store.credentials(for: [host], repository: app).first?.password == "s3cret")
        clock.advance(by: .seconds(3599))
        #expect(await users(store) == ["helped"])
        #expect(calls() == ["get r.io"])
        clock.advance(by: .seconds(2))
        #expect(await users(store) == ["helped"])
        #expect(calls().count == 2)
    }

    @Test func aRefusedAnswerIsAskedForAgainButNotAllTheTime() async throws {
        let clock = ManualClock()
        let store = store(environment: try helper(Self.answer), clock: clock)
        #expect(await users(store) == ["helped"])
        #expect(await users(store, again: true) == ["helped"])
        #expect(calls().count == 1)
        clock.advance(by: .seconds(6))
        #expect(await users(store, again: true) == ["helped"])
        #expect(calls().count == 2)
    }

    @Test func aHelperComesBeforeTheFilesEntriesAndTheStoreForAllIsAskedByItsAddress() async throws {
        let config = #"{"credsStore": "test", "auths": {"r.io": {}, "docker.io": {"auth": "\#(basic("file", "pw"))"}}}"#
        let store = store(environment: try helper(Self.answer, config: config))
        #expect(await users(store) == ["helped"])
        #expect(await users(store, [try RegistryHost("docker.io")]) == ["helped", "file"])
        #expect(calls() == ["get r.io", "get https://index.docker.io/v1/"])
    }

    @Test func aTokenOfAHelperIsAnIdentityToken() async throws {
        let script = #"echo '{"Username": "<token>", "Secret": "refresh"}'"#
        let credential = try #require(
            await store(environment: try helper(script)).credentials(for: [host], repository: app).first)
        #expect(credential.identityToken == "refresh")
        #expect(credential.basicAuthorization == nil)
    }

    @Test func aHelperThatHasNothingMeansNoCredentialsAndNoProblem() async throws {
        let clock = ManualClock()
        let store = store(
            environment: try helper("echo 'credentials not found in native keychain'; exit 1"), clock: clock)
        #expect(await users(store) == [])
        #expect(await users(store) == [])
        #expect(await store.problems == [])
        #expect(calls().count == 1)
        clock.advance(by: .seconds(6))
        #expect(await users(store) == [])
        #expect(calls().count == 2)
    }

    @Test(arguments: [
        ("echo boom >&2; exit 3", "boom"), ("echo not json", "did not print"),
        ("echo '{\"Username\": \"\", \"Secret\": \"s3cret\"}'", "unusable"),
        ("kill -9 $$", "ended with"), ("head -c 200000 /dev/zero", "cannot be used"),
    ])
    func aHelperThatFailsIsReportedLeftAloneForAWhileAndDoesNotHideTheFile(script: String, problem: String) async throws
    {
        let clock = ManualClock()
        let config = #"{"credHelpers": {"r.io": "test"}, "auths": {"r.io": {"auth": "\#(basic("file", "pw"))"}}}"#
        let store = store(environment: try helper(script, config: config), clock: clock)
        #expect(await users(store) == ["file"])
        #expect(await users(store) == ["file"])
        let problems = await store.problems
        #expect(problems.count == 1)
        #expect(problems.first?.contains(problem) == true)
        #expect(problems.first?.contains("s3cret") == false)
        #expect(calls().count == 1)
        try directory.write(
            "#!/bin/sh\n\(Self.answer)\n", to: "bin/docker-credential-test", permissions: 0o700)
        // A helper that does not read its input works as well.
        clock.advance(by: .seconds(6))
        #expect(await users(store) == ["helped", "file"])
        let left = await store.problems
        #expect(left == [])
    }

    @Test func aHelperThatIsNotThereOrNotToBeRunIsReported() async throws {
        try directory.write(#"{"credHelpers": {"r.io": "missing"}}"#, to: "config.json")
        let store = store(environment: ["PATH": directory.path])
        #expect(await users(store) == [])
        #expect(await store.problems.first?.contains("docker-credential-missing") == true)
    }

    @Test(.timeLimit(.minutes(5))) func aHelperThatHangsIsEndedWithWhatItStarted() async throws {
        let environment = try helper("sleep 300 & echo $! > \(directory.path("child")); wait")
        var child: pid_t?
        // On a busy machine it may be ended before it has started anything.
        for deadline in [Duration.milliseconds(300), .seconds(3), .seconds(30)] where child == nil {
            let store = store(environment: environment, helperDeadline: deadline)
            #expect(await users(store) == [])
            #expect(await store.problems.first?.contains("did not end within") == true)
            child = (try? directory.read("child")).flatMap { pid_t($0.filter { $0 != "\n" }) }
        }
        let started = try #require(child)
        try await eventually { kill(started, 0) != 0 || (try? zombie(started)) == true }
    }

    private func zombie(_ pid: pid_t) throws -> Bool {
        String(decoding: try Data(contentsOf: URL(filePath: "/proc/\(pid)/stat")), as: UTF8.self).contains(") Z ")
    }

    @Test func manyCallersShareOneCallOfAHelper() async throws {
        let store = store(environment: try helper("sleep 0.2; \(Self.answer)"))
        await withTaskGroup(of: [String].self) { group in
            for _ in 0..<10 { group.addTask { await users(store) } }
            for await users in group { #expect(users == ["helped"]) }
        }
        #expect(calls().count == 1)
    }

    // MARK: Files for other tools

    @Test func anAuthFileHasTheOwnEntriesAndOneForTheEndpoint() async throws {
        try directory.write(
            #"{"auths": {"r.io": {"auth": "\#(basic("outside", "pw"))"}, "base.io": {"auth": "\#(basic("base", "pw"))"}, "empty.io": {}, "bad.io": {"auth": "%"}}, "credHelpers": {"ecr.io": "ecr"}}"#,
            to: "config.json")
        let endpoint = try RegistryHost("inner.svc:5000")
        let text = String(
            decoding: try await store().authFile(addingCredentialsFor: endpoint, aliasOf: host), as: UTF8.self)
        let outside = basic("outside", "pw")
        #expect(
            text == #"{"auths":{"base.io":{"auth":"\#(basic("base", "pw"))"},"inner.svc:5000":{"auth":"\#(outside)"},"#
                + #""r.io":{"auth":"\#(outside)"}},"credHelpers":{"ecr.io":"ecr"}}"#)
    }

    @Test func anAuthFilePrefersTheEndpointsOwnCredentialsAndMayBeEmpty() async throws {
        let endpoint = try RegistryHost("inner.svc:5000")
        let empty = String(
            decoding: try await store().authFile(addingCredentialsFor: endpoint, aliasOf: host), as: UTF8.self)
        #expect(empty == #"{"auths":{},"credHelpers":{}}"#)
        try directory.write(
            Fixture.auths([("r.io", "outside", "pw"), ("inner.svc:5000", "inside", "pw")]), to: "config.json")
        let file = try await store().authFile(addingCredentialsFor: endpoint, aliasOf: host)
        let read = try DockerConfig(file, source: "auth.json")
        #expect(read.credentials(for: endpoint, repository: nil).map(\.username) == ["inside"])
    }

    @Test func anAuthFileForARepositoryHasThatRepositorysCredentials() async throws {
        try directory.write(
            Fixture.auths([("r.io", "all", "pw"), ("r.io/webapp", "webapp", "pw")]), to: "config.json")
        let endpoint = try RegistryHost("inner.svc:5000")
        let file = try await store().authFile(addingCredentialsFor: endpoint, aliasOf: host, for: app)
        let read = try DockerConfig(file, source: "auth.json")
        #expect(read.credentials(for: endpoint, repository: app).map(\.username) == ["webapp"])
    }

    /// buildah itself reads the file and is let in by a registry that it reaches by another name than the config has.
    @Test(.timeLimit(.minutes(5))) func buildahPushesWithTheAuthFile() async throws {
        let registry = try await TestRegistry.start(.htpasswd(["builder": "pw"]))
        defer { registry.close() }
        try directory.write(Fixture.auths([("https://registry.k8s-lab.dev/v2/", "builder", "pw")]), to: "config.json")
        let file = try await store().authFile(
            addingCredentialsFor: try RegistryHost(registry.authority),
            aliasOf: try RegistryHost("registry.k8s-lab.dev"))
        let path = try directory.write(String(decoding: file, as: UTF8.self), to: "auth.json")
        let storage = try TemporaryDirectory()
        let global = [
            "buildah", "--root", storage.path("root"), "--runroot", storage.path("run"), "--storage-driver", "vfs",
        ]
        let container = try await command(global + ["from", "scratch"]).filter { $0 != "\n" }
        try await command(global + ["commit", container, "local/app"])
        try await command(
            global + [
                "push", "--authfile", path, "--tls-verify=false", "local/app",
                "docker://\(registry.authority)/webapp/app:v1.0.0",
            ])
        #expect(registry.requests().contains("PUT /v2/webapp/app/manifests/v1.0.0 201"))
    }
}
