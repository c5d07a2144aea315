#!/usr/bin/env python3
"""Serve the Pulumi Python runtime in-process: run __main__.py as the stack's program."""

import os, runpy, signal, subprocess, sys
from concurrent import futures
import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime import proto
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2


class Host(LanguageServer):
    def __init__(self):
        super().__init__(None)

    def Handshake(self, request, context):
        return language_pb2.LanguageHandshakeResponse()

    def Run(self, request, context):
        entry = os.path.join(
            request.info.program_directory or request.pwd or ".", request.info.entry_point or "."
        )
        os.chdir(request.pwd or ".")
        sys.path.insert(0, os.path.abspath(entry))
        self.program = lambda: runpy.run_path(entry, run_name="__main__")
        return super().Run(request, context)

    def InstallDependencies(self, request, context):
        return iter(())

    def RunPlugin(self, request, context):
        """Run a policy pack or provider written in Python, passing its output on as it comes."""
        program = request.info.program_directory
        command = (
            ["-m", "pulumi.policy", *request.args, program]
            if request.kind == "analyzer"
            else [program, *request.args]
        )
        process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=request.pwd,
            env=dict(e.split("=", 1) for e in request.env) or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        context.add_callback(process.terminate)
        for line in process.stdout:
            yield language_pb2.RunPluginResponse(stdout=line)
        yield language_pb2.RunPluginResponse(exitcode=process.wait())

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="3.259.0")

    def RuntimeOptionsPrompts(self, request, context):
        return language_pb2.RuntimeOptionsResponse()


s = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), s)
print(s.add_insecure_port("127.0.0.1:0"), flush=True)
s.start()
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
s.wait_for_termination()
