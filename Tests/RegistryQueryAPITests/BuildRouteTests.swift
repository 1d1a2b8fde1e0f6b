import Builds
import FoundationEssentials
import OCIDistribution
import Testing

@testable import RegistryQueryAPI

struct BuildRouteTests {
    @Test("starts a build and answers at once with where to look")
    func startsBuild() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app-example")
            let reply = try await service.post("/builds", #"{"webapp":"app-example"}"#)
            #expect(reply.status == 202 && reply["retry-after"] == "2" && reply["idempotent-replayed"] == nil)
            let json = try reply.json
            #expect(
                json.names == [
                    "id", "webapp", "tag", "image", "status", "phase", "progress", "done", "message", "digest", "git",
                    "platforms",
                    "createdAt",
                    "startedAt", "finishedAt", "durationSeconds", "usualDurationSeconds", "phases", "requestedBy",
                    "callback",
                    "links",
                ])
            let id = try #require(json["id"].string)
            #expect(reply["location"] == "/builds/\(id)" && json["links"]["self"].string == "/builds/\(id)")
            #expect(
                json["links"]["logs"].string == "/builds/\(id)/logs"
                    && json["links"]["events"].string == "/builds/\(id)/events")
            #expect(json["tag"] == "v1.2.4" && json["image"] == "registry.example/webapp/app-example:v1.2.4")
            #expect(json["status"] == "queued" && json["done"] == false && json["platforms"] == [])
            for absent in [
                "phase", "digest", "startedAt", "finishedAt", "durationSeconds", "requestedBy", "callback",
            ] {
                #expect(json[absent] == .null && json.names.contains(absent))
            }
            #expect(json["git"].names == ["url", "ref", "commit", "subdirectory"])
            #expect(
                json["git"]["url"] == "https://git.example/webapps.git", "credentials of the default must not be shown")
            #expect(json["git"]["ref"] == "main" && json["git"]["subdirectory"] == "app-example")
            #expect(!reply.text.contains("secret-password"))
            #expect(try await service.get("/builds/\(id)").json == json)
        }
    }

    @Test(
        "takes everything that the contract lets a caller say",
        arguments: [
            (#"{"webapp":"app","bump":"major"}"#, "v2.0.0"), (#"{"webapp":"app","version":"3.0.0"}"#, "3.0.0"),
            (#"{"webapp":"app","version":"v3.0.0-rc.1"}"#, "v3.0.0-rc.1"),
            (#"{"webapp":"app","commits":["feat: x"]}"#, "v1.3.0"),
            (#"{"webapp":"app","commits":["fix: x"],"bump":"auto"}"#, "v1.2.4"),
            (#"{"webapp":"app","commits":["docs: x"],"bump":"minor"}"#, "v1.3.0"),
            (#"{"webapp":"app","bump":"prerelease","prereleaseId":"beta"}"#, "v1.2.4-beta.1"),
            (#"{"webapp":"app","range":"1.2.x"}"#, "v1.2.4"),
            (
                #"{"webapp":"app","bump":null,"version":null,"commits":null,"git":null,"platforms":null,"callbackUrl":null}"#,
                "v1.2.4"
            ),
        ])
    func takesSelections(body: String, tag: String) async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app")
            let reply = try await service.post("/builds", body)
            #expect(reply.status == 202, "\(reply)")
            #expect(try reply.json["tag"].string == tag)
        }
    }

    @Test("hands on source, platforms and, where it calls back, the URL verbatim")
    func handsOn() async throws {
        let commit = String(repeating: "ab", count: 20)
        let url = "https://n8n.example/webhook-waiting/1?signature=a%2Fb&x="
        try await TestService.run(.with(\.callbackTargets, CallbackTargets("n8n.example"))) { service in
            let reply = try await service.post(
                "/builds",
                """
                {"webapp":"app","git":{"url":"ssh://git@git.example/x.git","ref":"refs/heads/x","commit":"\(commit)","subdirectory":"./apps//app/"},
                 "platforms":["linux/arm64","linux/amd64"],"callbackUrl":"\(url)"}
                """)
            #expect(reply.status == 202, "\(reply)")
            let build = try #require(service.builder.all.first)
            #expect(
                build.git
                    == GitSource(
                        url: "ssh://git@git.example/x.git", ref: "refs/heads/x", commit: commit,
                        subdirectory: "apps/app"))
            #expect(build.platforms.map(\.description) == ["linux/arm64", "linux/amd64"] && build.callbackURL == url)
            #expect(try reply.json["git"]["url"] == "ssh://git@git.example/x.git")
            let callback = try reply.json["callback"]
            #expect(callback["host"] == "n8n.example" && callback["status"] == "pending")
            #expect(!reply.text.contains("webhook-waiting") && !reply.text.contains("signature"))
        }
    }

    @Test(
        "a callback that may not be sent is refused, and nothing of its URL is shown beyond the host",
        arguments: [
            ("https://evil.example/hush-1", "callback_not_allowed"),
            ("http://n8n.example/hush-2", "callback_not_allowed"),
            ("https://hush-3@n8n.example/", "invalid_value"), ("https://n8n.example/#hush-4", "invalid_value"),
            ("hush-5", "invalid_value"),
        ])
    func refusesCallbacks(url: String, code: String) async throws {
        try await TestService.run(.with(\.callbackTargets, CallbackTargets("n8n.example"))) { service in
            let reply = try await service.post("/builds", #"{"webapp":"app","callbackUrl":"\#(url)"}"#)
            #expect(reply.status == 422, "\(reply)")
            #expect(try reply.json["code"].string == code)
            #expect(
                try reply.json["errors"][0]["field"].string == "callbackUrl" && !reply.text.contains("hush"))
            #expect(service.builder.all.isEmpty)
        }
    }

    @Test("a key that was seen answers with the same build, quoted or bare; with another request it is refused")
    func replays() async throws {
        try await TestService.run { service in
            let body = #"{"webapp":"app"}"#
            let first = try await service.post("/builds", body, ("Idempotency-Key", "\"6ad8b0b9\""))
            #expect(first.status == 202)
            for key in ["\"6ad8b0b9\"", "6ad8b0b9"] {
                let again = try await service.post("/builds", body, ("Idempotency-Key", key))
                #expect(again.status == 200 && again["idempotent-replayed"] == "true", "\(again)")
                #expect(again["location"] == first["location"])
                #expect(try again.json["id"] == first.json["id"])
            }
            let other = try await service.post(
                "/builds", #"{"webapp":"app","bump":"minor"}"#, ("Idempotency-Key", "6ad8b0b9"))
            #expect(other.status == 422)
            #expect(try other.code == "idempotency_key_reused")
            #expect(service.builder.all.count == 1)
            #expect(
                try await service.post("/builds", body, ("Idempotency-Key", String(repeating: "k", count: 255))).status
                    == 202)
        }
    }

    @Test("starts nothing when no commit asks for a release")
    func needsNoRelease() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app")
            let reply = try await service.post("/builds", #"{"webapp":"app","commits":["docs: x"]}"#)
            #expect(reply.status == 200 && service.builder.all.isEmpty)
            let json = try reply.json
            #expect(json.names == ["webapp", "releaseNeeded", "current", "message"])
            #expect(json["releaseNeeded"] == false && json["current"] == "v1.2.3")
        }
    }

    @Test("an explicit version that exists, or that a build holds, is taken")
    func refusesTakenVersion() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app")
            _ = try await service.startBuild("app")
            for version in ["v1.2.3", "1.2.3", "v1.2.4"] {
                let reply = try await service.post("/builds", "{\"webapp\":\"app\",\"version\":\"\(version)\"}")
                #expect(reply.status == 409, "\(version)")
                #expect(try reply.code == "version_taken" && reply.json["field"] == "version")
            }
        }
    }

    @Test("shows a build in every state; one that failed is a 200")
    func showsStates() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            let start = Date(timeIntervalSince1970: 1_763_841_600)
            service.builder.change(id) {
                $0.status = .running
                $0.phase = .pushing
                $0.startedAt = start
            }
            let running = try await service.get("/builds/\(id)").json
            #expect(
                running["status"] == "running" && running["phase"] == "pushing"
                    && running["startedAt"] == "2025-11-22T20:00:00.000Z")
            guard case .number = running["durationSeconds"] else {
                Issue.record("a running build has a duration")
                return
            }
            let digest = try Digest("sha256:\(String(repeating: "0", count: 64))")
            service.builder.change(id) {
                $0.status = .failed
                $0.phase = nil
                $0.finishedAt = start + 12.345
                $0.digest = digest
            }
            let reply = try await service.get("/builds/\(id)")
            let json = try reply.json
            #expect(reply.status == 200 && json["status"] == "failed" && json["done"] == true && json["phase"] == .null)
            #expect(json["finishedAt"] == "2025-11-22T20:00:12.345Z" && json["durationSeconds"] == .number("12.345"))
            #expect(json["digest"].string == digest.description)
        }
    }

    @Test("lists builds, newest first, by webapp and by status")
    func listsBuilds() async throws {
        try await TestService.run { service in
            #expect(try await service.get("/builds").json == ["builds": []])
            let ids = [
                try await service.startBuild("a"), try await service.startBuild("b"), try await service.startBuild("a"),
            ]
            for (index, id) in ids.enumerated() {
                service.builder.change(id) { $0.createdAt = Date(timeIntervalSince1970: Double(index)) }
            }
            service.builder.change(ids[0]) { $0.status = .failed }
            func listed(_ query: String) async throws -> [String] {
                guard case .array(let builds) = try await service.get("/builds\(query)").json["builds"] else {
                    return ["?"]
                }
                return builds.compactMap { $0["id"].string }
            }
            #expect(try await listed("") == ids.reversed().map(\.description))
            #expect(try await listed("?webapp=a") == [ids[2], ids[0]].map(\.description))
            #expect(try await listed("?webapp=a&status=queued") == [ids[2].description])
            #expect(try await listed("?status=succeeded") == [])
        }
    }

    @Test("a build that is not known is a 404 everywhere")
    func refusesUnknown() async throws {
        try await TestService.run { service in
            let replies = [
                try await service.get("/builds/none"), try await service.get("/builds/none?wait=30s"),
                try await service.get("/builds/none/logs"),
                try await service.get("/builds/none/logs?follow=true"), try await service.get("/builds/none/events"),
                try await service.send("DELETE", "/builds/none"),
            ]
            for reply in replies {
                #expect(reply.status == 404, "\(reply)")
                #expect(try reply.code == "build_unknown")
            }
        }
    }

    @Test("a wait ends with the build, or when it is over", arguments: ["30s", "30", "060"])
    func waits(wait: String) async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            #expect(try await service.get("/builds/\(id)?wait=0").json["status"] == "queued")
            async let waiting = service.get("/builds/\(id)?wait=\(wait)")
            service.builder.change(id) { $0.status = .succeeded }
            let reply = try await waiting
            #expect(reply.status == 200)
            #expect(try reply.json["status"] == "succeeded" && reply.json["done"] == true)
            let other = try await service.startBuild("other")
            #expect(try await service.get("/builds/\(other)?wait=1s").json["status"] == "queued")
        }
    }

    @Test("cancels what has not ended, and nothing else")
    func cancels() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            for _ in 0..<2 {
                let reply = try await service.send("DELETE", "/builds/\(id)")
                #expect(reply.status == 202)
                #expect(try reply.json["status"] == "cancelled" && reply.json["done"] == true)
            }
            for status in [Build.Status.succeeded, .failed] {
                let other = try await service.startBuild("other")
                service.builder.change(other) { $0.status = status }
                let reply = try await service.send("DELETE", "/builds/\(other)")
                #expect(reply.status == 409)
                #expect(try reply.code == "build_finished")
                #expect(service.builder.all.contains { $0.id == other && $0.status == status })
            }
        }
    }
}
