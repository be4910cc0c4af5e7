"""Lines as versions of plait wrote them, or could have, before lines had an encoding of their own. They stay as they are."""

from plait.core.records import Artifact, Record
from plait.ports import RunRow

RECORDS = [
    (
        b'["57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",["1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0","inline","plain","",1,"dg==",[],[]],"50% %dcff \\\\ud800","m:f","3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",[["x","83dc55ccddb68bf3cf487468c2681a52e752a60105fb23653f70a55eb95ad340"]],0.5,1.0,"run","66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187","cache"]',
        Record(
            key="57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",
            artifact=Artifact(
                digest="1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0",
                where="inline",
                codec="plain",
                blob="",
                size=1,
                data=b"v",
                parts=(),
                files=(),
            ),
            node="50% %dcff \\ud800",
            step="m:f",
            code="3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",
            inputs=(("x", "83dc55ccddb68bf3cf487468c2681a52e752a60105fb23653f70a55eb95ad340"),),
            seconds=0.5,
            made=1.0,
            run="run",
            environment="66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187",
            retention="cache",
        ),
    ),
    (
        b'["57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",["1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0","inline","plain","",1,"dg==",[],[]],"x\xed\xb3\xbf.csv 50% %dcff \\\\ud800 \xc4\x8daj \xf0\x9f\x98\x80 \xed\xa0\xbd\xed\xb8\x80","m:f","3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",[["f\xed\xa0\x80","d1"]],0.5,1.0,"run","66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187","cache"]',
        Record(
            key="57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",
            artifact=Artifact(
                digest="1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0",
                where="inline",
                codec="plain",
                blob="",
                size=1,
                data=b"v",
                parts=(),
                files=(),
            ),
            node="x\udcff.csv 50% %dcff \\ud800 čaj 😀 \ud83d\ude00",
            step="m:f",
            code="3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",
            inputs=(("f\ud800", "d1"),),
            seconds=0.5,
            made=1.0,
            run="run",
            environment="66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187",
            retention="cache",
        ),
    ),
    (
        b'["57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",["1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0","inline","plain","",1,"dg==",[],[]],"50%\\udcff \\uD83D x \\ud83d\\ude00  %dcff \\\\ud800","m:f","3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",[["x","83dc55ccddb68bf3cf487468c2681a52e752a60105fb23653f70a55eb95ad340"]],0.5,1.0,"run","66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187","cache"]',
        Record(
            key="57feb47890e14caeeef4fed93f6b8fcea50f8fe0c00988ccf65465e9aa833347",
            artifact=Artifact(
                digest="1acc60126bfc691451fa67ec02e74e4e8fe53d6fc611f79d187a643f36208ec0",
                where="inline",
                codec="plain",
                blob="",
                size=1,
                data=b"v",
                parts=(),
                files=(),
            ),
            node="50%\udcff \ud83d x 😀  %dcff \\ud800",
            step="m:f",
            code="3045d21974bb8ba695c5562bd39efcebdd749ae68879202138ab4125d3622f91",
            inputs=(("x", "83dc55ccddb68bf3cf487468c2681a52e752a60105fb23653f70a55eb95ad340"),),
            seconds=0.5,
            made=1.0,
            run="run",
            environment="66abb0bfec1749083896955f655967fb7f0a5c31dbefe3fbf3be244e2bb5f187",
            retention="cache",
        ),
    ),
]
RUNS = [
    (
        b'["r","p",1.0,0.0,"done",7,["n"],[["path","\'x\xed\xb3\xbf.csv\'"]],[["n","ddfeefbed14bd5fb801e685e29523fcdd72fb972a0085c71c1ce9cd9d8622f0c","done",0.5]],["no such host",1,1.0],"cannot read x\xed\xb3\xbf.csv: 5%",[]]',
        RunRow(
            id="r",
            pipeline="p",
            started=1.0,
            finished=0.0,
            status="done",
            seed=7,
            targets=("n",),
            params=(("path", "'x\udcff.csv'"),),
            nodes=(("n", "ddfeefbed14bd5fb801e685e29523fcdd72fb972a0085c71c1ce9cd9d8622f0c", "done", 0.5),),
            process=("no such host", 1, 1.0),
            error="cannot read x\udcff.csv: 5%",
            tags=(),
        ),
    ),
]
